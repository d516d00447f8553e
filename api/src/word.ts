import { z } from 'zod'

/** A word of a catalogue that grows: any is taken, for who reads it may be a release behind who wrote it, and must not lose all the rest by it. */
export const word = <T extends string>() => z.string().min(1).max(64) as unknown as z.ZodType<T, T>
