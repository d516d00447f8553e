/** As `fileMarkOf` makes them. */
export const fileMarkPattern = /^[0-9a-f]{8}$/

/** What tells files of one Recording from those of others that record the same room into the same folder: the beginning of its UID. */
export const fileMarkOf = (uid: string) => uid.slice(0, 8)
