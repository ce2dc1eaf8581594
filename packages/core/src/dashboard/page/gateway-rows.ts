/** The gateway processes, one row each. Nothing in a row can have the focus, so rows are made anew each time. */

import type { GatewayView } from '../snapshot.ts';
import { make } from './elements.ts';
import { count, rate, size, span, UNKNOWN } from './figures.ts';
import { StateMark, UtilizationMark } from './process-cells.ts';

/** A row; `requests` is how many end in a second. */
export function gatewayRow(gateway: GatewayView, requests: number | null): HTMLElement {
  const { id, pid, state, connections, utilization, memory, restarts, uptime } = gateway;
  const isGone = state === 'exited';
  const row = make('tr');
  row.dataset.state = state;
  const name = make('th', '', String(id));
  name.scope = 'row';
  name.dataset.label = 'Gateway';
  const mark = new StateMark();
  mark.show(state);
  const busy = new UtilizationMark();
  busy.show(utilization);
  const texts = (
    [
      ['state', 'State', mark.element],
      ['pid', 'PID', pid === null ? UNKNOWN : String(pid)],
      ['connections', 'Connections', count(connections)],
      ['utilization', 'Utilisation', busy.element],
      ['rate', 'Requests/s', rate(requests)],
      ['memory', 'Memory', size(memory)],
      ['restarts', 'Restarts', count(restarts)],
      ['uptime', 'Uptime', isGone ? UNKNOWN : span(uptime)],
    ] as const
  ).map(([className, label, content]) => {
    const cell = make('td', className);
    cell.dataset.label = label;
    cell.append(content);
    return cell;
  });
  row.append(name, ...texts, make('td', 'actions'));
  return row;
}
