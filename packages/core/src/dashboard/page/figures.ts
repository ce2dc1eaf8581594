/** Numbers as the page shows them: short, with their unit, and of one width while they change a little. Pure. */

/** What is shown where nothing is known. */
export const UNKNOWN = '–';

const KIB = 1024;
const SIZES = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const WHOLE = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/** A whole number, with groups of three: `12,345`. */
export function count(value: number | null): string {
  return value === null ? UNKNOWN : WHOLE.format(value);
}

/** How often in a second: `0`, `0.5`, `12,345`. */
export function rate(value: number | null): string {
  if (value === null) return UNKNOWN;
  return value > 0 && value < 9.95 ? value.toFixed(1) : WHOLE.format(value);
}

/** A short time, of milliseconds: `0.25 ms`, `3.4 ms`, `12 ms`, `3.4 s`. */
export function duration(ms: number | null): string {
  if (ms === null) return UNKNOWN;
  if (ms >= MINUTE) return span(ms);
  if (ms >= SECOND) return `${(ms / SECOND).toFixed(1)} s`;
  if (ms === 0 || ms >= 9.95) return `${Math.round(ms)} ms`;
  return `${ms.toFixed(ms < 0.995 ? 2 : 1)} ms`;
}

/** A long time, of milliseconds, in its two largest units: `12 s`, `3 min 5 s`, `2 h 10 min`, `4 d 3 h`. */
export function span(ms: number): string {
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min ${Math.floor((ms % MINUTE) / SECOND)} s`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h ${Math.floor((ms % HOUR) / MINUTE)} min`;
  return `${Math.floor(ms / DAY)} d ${Math.floor((ms % DAY) / HOUR)} h`;
}

/** A number of bytes, in three digits: `512 B`, `84.2 MiB`, `348 MiB`. */
export function size(bytes: number | null): string {
  if (bytes === null) return UNKNOWN;
  const step = bytes < 1 ? 0 : Math.min(Math.floor(Math.log(bytes) / Math.log(KIB)), 4);
  const amount = bytes / KIB ** step;
  return `${amount.toFixed(step === 0 || amount >= 100 ? 0 : 1)} ${SIZES[step] ?? ''}`;
}

/** A part of one: `37 %`. */
export function percent(part: number | null): string {
  return part === null ? UNKNOWN : `${Math.round(part * 100)} %`;
}

/** So many of something: `1 request`, `3 requests`. */
export function several(n: number, noun: string): string {
  return `${count(n)} ${noun}${n === 1 ? '' : 's'}`;
}
