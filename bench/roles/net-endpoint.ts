/** ZeroMQ's endpoints for bare node:net: `tcp://host:port`, with `*` for any port, and `ipc://path`. */

import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

type Address = { readonly host: string; readonly port: number } | { readonly path: string };

/** Listens. @returns the endpoint, with its real port. */
export async function listenAt(
  endpoint: string,
  accept: (socket: Socket) => void,
): Promise<string> {
  const server = createServer({ noDelay: true }, accept);
  server.listen(addressOf(endpoint));
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address !== null
    ? `tcp://${address.address}:${address.port}`
    : endpoint;
}

/** Connects. */
export async function connectTo(endpoint: string): Promise<Socket> {
  const socket = connect(addressOf(endpoint));
  await once(socket, 'connect');
  socket.setNoDelay(true);
  return socket;
}

function addressOf(endpoint: string): Address {
  const path = /^ipc:\/\/(.+)$/.exec(endpoint)?.[1];
  if (path !== undefined) return { path };
  const [, host, port] = /^tcp:\/\/(.+):(\d+|\*)$/.exec(endpoint) ?? [];
  if (host === undefined) throw new Error(`no address for node:net: ${endpoint}`);
  return { host, port: port === '*' ? 0 : Number(port) };
}
