/** Schemes to transports: the one place that knows them all. */

import { fail } from '../errors.ts';
import { parseEndpoint } from './endpoint.ts';
import { epgmTransport } from './epgm/epgm.ts';
import { inprocTransport } from './inproc/inproc.ts';
import { ipcTransport } from './ipc.ts';
import { tcpTransport } from './tcp.ts';
import type { Transport } from './transport.ts';

const TRANSPORTS: ReadonlyMap<string, Transport> = new Map([
  ['tcp', tcpTransport],
  ['ipc', ipcTransport],
  ['inproc', inprocTransport],
  ['epgm', epgmTransport],
]);

/** @throws TransportError `EINVAL` for something that is no endpoint; `EPROTONOSUPPORT` for a scheme that we do not have. */
export function transportOf(endpoint: string): Transport {
  const { transport } = parseEndpoint(endpoint);
  const found = TRANSPORTS.get(transport);
  if (found !== undefined) return found;
  if (transport === 'pgm') {
    fail(
      'EPROTONOSUPPORT',
      `${endpoint} needs raw IP sockets (protocol 113), which Node.js does not offer. Use epgm:// on every member of the group: the same packets inside UDP.`,
      { endpoint },
    );
  }
  return fail(
    'EPROTONOSUPPORT',
    `The transport ${JSON.stringify(transport)} of ${endpoint} is not supported; there are ${[...TRANSPORTS.keys()].join(', ')}.`,
    { endpoint },
  );
}
