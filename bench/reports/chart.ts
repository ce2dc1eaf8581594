/**
 * The report as bench/chart.svg: for each row and each peer, how many times as fast as the peer we are. A logarithmic scale, so that
 * twice and half are equally far from 1; solid is with promises, pale what `trySend` and `tryReceive` add or take.
 */

import { groupsOf, type Report } from '../report.ts';
import type { RowResult } from '../result.ts';
import { formatRatio } from './figures.ts';

/** Peers of the chart, and the names of their colours. The ceiling is no peer. */
const PEERS: Readonly<Record<string, string>> = {
  zeromq: 'npm zeromq',
  libzmq: 'libzmq in C',
  'nats request': 'NATS, request API',
  'nats inboxes': 'NATS, own inboxes',
  rabbitmq: 'RabbitMQ',
};
const LIGHT = ['#2563eb', '#d97706', '#059669', '#65a30d', '#9333ea'];
const DARK = ['#60a5fa', '#fbbf24', '#34d399', '#a3e635', '#c084fc'];

const WIDTH = 960;
const LABEL_WIDTH = 360;
const BARS_WIDTH = 500;
const BAR_HEIGHT = 10;
const BAR_GAP = 3;
const ROW_GAP = 9;
const GROUP_HEIGHT = 34;
const HEAD_HEIGHT = 108;
const FOOT_HEIGHT = 36;
const SMALLEST_TICK = 1 / 16;
const LARGEST_TICK = 64;

interface Bar {
  readonly peer: string;
  /** How many times as fast, with promises and without. */
  readonly speed: number;
  readonly trySpeed: number | undefined;
}

/** The whole picture. */
export function formatChart(report: Report): string {
  const groups = [...groupsOf(report)]
    .map(([name, rows]) => ({
      name,
      rows: rows
        .map((row) => ({ title: row.title, bars: barsOf(row) }))
        .filter(({ bars }) => bars.length > 0),
    }))
    .filter(({ rows }) => rows.length > 0);

  const body: string[] = [];
  let y = HEAD_HEIGHT;
  for (const { name, rows } of groups) {
    body.push(text(0, y + 22, name, 'group'));
    y += GROUP_HEIGHT;
    for (const { title, bars } of rows) {
      const height = bars.length * (BAR_HEIGHT + BAR_GAP) - BAR_GAP;
      body.push(text(LABEL_WIDTH - 12, y + height / 2 + 4, title, 'label'));
      for (const bar of bars) {
        body.push(...drawBar(bar, y));
        y += BAR_HEIGHT + BAR_GAP;
      }
      y += ROW_GAP;
    }
  }
  const bottom = y;
  const height = bottom + FOOT_HEIGHT;
  const { machine, date } = report;
  const subtitle = `${date.slice(0, 10)}, ${machine.cores} x ${machine.cpu}, Node ${machine.node}. Longer to the right is better for zscale; pale: with trySend and tryReceive.`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-16 0 ${WIDTH + 32} ${height}" width="${WIDTH + 32}" height="${height}" role="img" aria-labelledby="title">`,
    '<title id="title">How many times as fast as its peers zscale is</title>',
    `<style>${style()}</style>`,
    `<rect class="ground" x="-16" y="0" width="${WIDTH + 32}" height="${height}"/>`,
    text(0, 28, 'How many times as fast as its peers zscale is', 'title'),
    text(0, 48, subtitle, 'note'),
    ...legend(),
    ...scale(bottom),
    ...body,
    '</svg>',
    '',
  ].join('\n');
}

function barsOf(row: RowResult): readonly Bar[] {
  const speedTo = (ours: string, peer: string): number | undefined => {
    const ratio = row.ratios.find((one) => one.ours === ours && one.peer === peer)?.median;
    if (ratio === undefined || !(ratio > 0)) return undefined;
    return row.better === 'lower' ? 1 / ratio : ratio;
  };
  return Object.keys(PEERS).flatMap((peer) => {
    const speed = speedTo('zscale', peer);
    return speed === undefined ? [] : [{ peer, speed, trySpeed: speedTo('zscale try', peer) }];
  });
}

function drawBar({ peer, speed, trySpeed }: Bar, y: number): string[] {
  const colour = `peer-${Object.keys(PEERS).indexOf(peer)}`;
  const drawn: string[] = [];
  if (trySpeed !== undefined) drawn.push(rect(speed, trySpeed, y, `${colour} pale`));
  drawn.push(rect(1, speed, y, colour));
  const right = Math.max(xOf(speed), xOf(trySpeed ?? speed), xOf(1));
  const label =
    trySpeed === undefined
      ? formatRatio(speed)
      : `${formatRatio(speed)}, try ${formatRatio(trySpeed)}`;
  drawn.push(text(right + 6, y + BAR_HEIGHT - 1, label, 'value'));
  return drawn;
}

function legend(): string[] {
  let x = 0;
  return Object.values(PEERS).flatMap((name, i) => {
    const drawn = [
      `<rect class="peer-${i}" x="${x}" y="62" width="12" height="12" rx="2"/>`,
      text(x + 18, 72, name, 'note'),
    ];
    x += 44 + name.length * 7;
    return drawn;
  });
}

function scale(bottom: number): string[] {
  const drawn: string[] = [];
  for (let tick = SMALLEST_TICK; tick <= LARGEST_TICK; tick *= 2) {
    const x = xOf(tick);
    const kind = tick === 1 ? 'axis' : 'tick';
    drawn.push(`<line class="${kind}" x1="${x}" y1="${HEAD_HEIGHT}" x2="${x}" y2="${bottom}"/>`);
    const name = tick < 1 ? `1/${1 / tick}` : String(tick);
    drawn.push(text(x, HEAD_HEIGHT - 6, name, 'scale'), text(x, bottom + 18, name, 'scale'));
  }
  return drawn;
}

function rect(from: number, to: number, y: number, kind: string): string {
  const left = Math.min(xOf(from), xOf(to));
  const width = Math.max(1, Math.abs(xOf(to) - xOf(from)));
  return `<rect class="${kind}" x="${left}" y="${y}" width="${round(width)}" height="${BAR_HEIGHT}" rx="1"/>`;
}

/** The place of a ratio; what is beyond the scale stands at its end. */
function xOf(ratio: number): number {
  const inside = Math.min(LARGEST_TICK, Math.max(SMALLEST_TICK, ratio));
  const part = Math.log2(inside / SMALLEST_TICK) / Math.log2(LARGEST_TICK / SMALLEST_TICK);
  return round(LABEL_WIDTH + part * BARS_WIDTH);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function text(x: number, y: number, content: string, kind: string): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return `<text class="${kind}" x="${round(x)}" y="${round(y)}">${escaped}</text>`;
}

function style(): string {
  const colours = (list: readonly string[]): string =>
    list.map((colour, i) => `.peer-${i}{fill:${colour}}`).join('');
  return [
    'text{font-family:system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;font-size:12px;fill:#1f2937}',
    '.title{font-size:20px;font-weight:600}.group{font-size:14px;font-weight:600}',
    '.label{text-anchor:end}.scale{text-anchor:middle}.note,.scale,.value{font-size:11px;fill:#4b5563}',
    '.ground{fill:#ffffff}.tick{stroke:#e5e7eb}.axis{stroke:#6b7280;stroke-width:1.5}.pale{opacity:.4}',
    colours(LIGHT),
    '@media (prefers-color-scheme:dark){',
    'text{fill:#e5e7eb}.note,.scale,.value{fill:#9ca3af}.ground{fill:#0d1117}.tick{stroke:#262c36}.axis{stroke:#9ca3af}',
    `${colours(DARK)}}`,
  ].join('');
}
