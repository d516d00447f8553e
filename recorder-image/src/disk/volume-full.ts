/** Whether a write failed because the volume, or the share of it that may be used, is full. */
export const isVolumeFull = (error: unknown) => ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException)?.code ?? '')

/** Whether the same write may succeed another time: there may be room then, or the device may have recovered. */
export const mayPass = (error: unknown) => isVolumeFull(error) || (error as NodeJS.ErrnoException)?.code === 'EIO'
