/**
 * Tables and values as a person reads them on a terminal: columns in line, durations and sizes with their unit. Without colour, and
 * within 80 columns for what is usual.
 */

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const KIB = 1024;

/** What stands for a value that is not known. */
const UNKNOWN = '-';

/** Columns in line, the numbers of a column to the right; the header first. */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly (string | number | null)[])[],
): string {
  const texts = [header, ...rows.map((row) => row.map((cell) => String(cell ?? UNKNOWN)))];
  const widths = header.map((_, i) => Math.max(...texts.map((row) => (row[i] ?? '').length)));
  const isNumeric = header.map((_, i) =>
    rows.every((row) => typeof row[i] !== 'string' || /^[\d.]+ ?\w{0,3}$/.test(String(row[i]))),
  );
  const lines = texts.map((row) =>
    row
      .map((text, i) =>
        isNumeric[i] ? text.padStart(widths[i] ?? 0) : text.padEnd(widths[i] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
  return lines.join('\n');
}

/** Labels in front of values, in line. */
export function formatRows(rows: readonly (readonly [label: string, text: string])[]): string {
  const width = Math.max(...rows.map(([label]) => label.length));
  return rows.map(([label, text]) => `${label.padEnd(width)}  ${text}`.trimEnd()).join('\n');
}

/** `350ms`, `12s`, `3m 5s`, `2h 10m`, `4d 3h`. */
export function formatDuration(ms: number | null): string {
  if (ms === null) return UNKNOWN;
  if (ms < SECOND_MS) return `${Math.round(ms)}ms`;
  if (ms < MINUTE_MS) return `${Math.floor(ms / SECOND_MS)}s`;
  if (ms < HOUR_MS) return inTwo(ms, MINUTE_MS, 'm', SECOND_MS, 's');
  if (ms < DAY_MS) return inTwo(ms, HOUR_MS, 'h', MINUTE_MS, 'm');
  return inTwo(ms, DAY_MS, 'd', HOUR_MS, 'h');
}

/** `512 B`, `64.0 KB`, `1.5 GB`; 1 KB is 1024 bytes. */
export function formatSize(bytes: number | null): string {
  if (bytes === null) return UNKNOWN;
  if (bytes < KIB) return `${bytes} B`;
  const units = ['KB', 'MB', 'GB', 'TB'];
  const power = Math.min(Math.floor(Math.log2(bytes) / 10), units.length);
  return `${(bytes / KIB ** power).toFixed(1)} ${units[power - 1]}`;
}

/** `37%`. */
export function formatPart(part: number | null): string {
  return part === null ? UNKNOWN : `${Math.round(part * 100)}%`;
}

function inTwo(ms: number, large: number, one: string, small: number, other: string): string {
  const rest = Math.floor((ms % large) / small);
  return `${Math.floor(ms / large)}${one}${rest === 0 ? '' : ` ${rest}${other}`}`;
}
