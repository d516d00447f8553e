/** Whether a write failed because the volume, or the share of it that may be used, is full. */
export const isVolumeFull = (error: unknown) => ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException)?.code ?? '')
