/** Body sizes of rows: as they are written in names, and as they are read. */

/** `10b`, `1k`, `64k`, `1m`. */
export function sizeInName(bytes: number): string {
  if (bytes >= 1024 * 1024) return `${bytes / 1024 / 1024}m`;
  return bytes >= 1024 ? `${bytes / 1024}k` : `${bytes}b`;
}

/** `10 B`, `1 KiB`, `64 KiB`, `1 MiB`. */
export function sizeInTitle(bytes: number): string {
  if (bytes >= 1024 * 1024) return `${bytes / 1024 / 1024} MiB`;
  return bytes >= 1024 ? `${bytes / 1024} KiB` : `${bytes} B`;
}
