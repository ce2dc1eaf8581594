/**
 * The gateway processes as `zscale top` shows them, above the workers: a header and a line each, together 80 columns. They are not
 * chosen and not sorted, for there are few. Pure.
 */
import { formatDuration, formatPart, formatSize } from '../tables.ts';
import { clip, fill } from './text-width.ts';
import { formatRate, type TopGateway } from './top-state.ts';

interface ColumnView {
  readonly title: string;
  readonly width: number;
  readonly side: 'left' | 'right';
  readonly text: (gateway: TopGateway) => string;
}

const VIEWS: readonly ColumnView[] = [
  { title: 'GATEWAY', width: 7, side: 'right', text: ({ id }) => String(id) },
  { title: 'PID', width: 8, side: 'right', text: ({ pid }) => String(pid ?? '-') },
  { title: 'STATE', width: 8, side: 'left', text: ({ state }) => state },
  {
    title: 'UPTIME',
    width: 8,
    side: 'right',
    text: ({ state, uptime }) => (state === 'exited' ? '-' : formatDuration(uptime)),
  },
  { title: 'REQ/S', width: 8, side: 'right', text: ({ rate }) => formatRate(rate) },
  {
    title: 'CONNECTIONS',
    width: 11,
    side: 'right',
    text: ({ connections }) => String(connections),
  },
  { title: 'BUSY', width: 5, side: 'right', text: ({ utilization }) => formatPart(utilization) },
  { title: 'MEMORY', width: 8, side: 'right', text: ({ memory }) => formatSize(memory) },
  { title: 'RESTARTS', width: 8, side: 'right', text: ({ restarts }) => String(restarts) },
];

/** At most `room` lines, the header first; none where there is no room for a gateway. */
export function gatewayLines(
  gateways: readonly TopGateway[],
  { columns, room }: { readonly columns: number; readonly room: number },
): readonly string[] {
  if (gateways.length === 0 || room < 2) return [];
  const line = (cells: readonly string[]): string =>
    clip(VIEWS.map(({ width, side }, i) => fill(cells[i] ?? '', width, side)).join(' '), columns);
  const isShort = gateways.length > room - 1;
  const shown = isShort ? gateways.slice(0, room - 2) : gateways;
  const rest = gateways.length - shown.length;
  return [
    line(VIEWS.map(({ title }) => title)),
    ...shown.map((gateway) => line(VIEWS.map(({ text }) => text(gateway)))),
    ...(isShort ? [clip(`${rest} ${shown.length === 0 ? '' : 'more '}gateways`, columns)] : []),
  ];
}
