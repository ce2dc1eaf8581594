/** Numbers as people read them: three digits or so, the unit beside them. */

import type { Entry, RowResult, Summary, Verdict } from '../result.ts';
import { OURS, SIDES } from '../row.ts';

const DASH = '–';

/** A value with as many digits as say something. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return DASH;
  if (value >= 1e6) return `${digits(value / 1e6)}M`;
  if (value >= 1e4) return `${digits(value / 1e3)}k`;
  return digits(value);
}

/** `12.3 [11.9..12.8]` */
export function formatSummary({ median, lowest, highest }: Summary): string {
  return `${formatNumber(median)} [${formatNumber(lowest)}..${formatNumber(highest)}]`;
}

/** CPU by side, `3.1 + 2.2`, in the order in which messages pass the sides. */
export function formatCpu(cpu: Entry['cpu']): string {
  return SIDES.flatMap((side) => {
    const time = cpu[side];
    return time === undefined ? [] : [formatNumber(time)];
  }).join(' + ');
}

/** A ratio of ours to a peer. */
export function formatRatio(ratio: number | undefined): string {
  if (ratio === undefined || !Number.isFinite(ratio)) return DASH;
  return ratio >= 10 ? ratio.toFixed(1) : ratio.toFixed(2);
}

/** Ours to this peer, of both kinds of ours: `6.12 [5.90..6.33], try 9.80 [9.1..10.2]`. */
export function formatRatios({ ratios }: RowResult, peer: string): string {
  return OURS.flatMap((ours) => {
    const ratio = ratios.find((one) => one.ours === ours && one.peer === peer);
    if (ratio === undefined) return [];
    const range = `[${formatRatio(ratio.lowest)}..${formatRatio(ratio.highest)}]`;
    return [`${ours === 'zscale' ? '' : 'try '}${formatRatio(ratio.median)} ${range}`];
  }).join(', ');
}

/** `at least 6`, `at most 0.4`. */
export function formatGoal({ atLeast, atMost }: Verdict): string {
  return atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`;
}

/** `met`, `not met`, or `not measured`. */
export function formatVerdict({ met }: Verdict): string {
  if (met === undefined) return 'not measured';
  return met ? 'met' : 'not met';
}

function digits(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
