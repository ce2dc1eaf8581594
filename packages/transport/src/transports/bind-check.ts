/**
 * Whether an endpoint of tcp or ipc could be bound, without taking it: for those who look at settings before they use them.
 *
 * What is wrong with the text, or with this machine, is told as `bind()` tells it. Who has the address at the moment is no part of it.
 */

import { createSocket } from 'node:dgram';
import { accessSync, constants } from 'node:fs';
import { isIPv6 } from 'node:net';
import { dirname, resolve } from 'node:path';
import { systemPath } from './abstract-name.ts';
import { checkIpcPath, parseBindAddress, parseEndpoint } from './endpoint.ts';
import { hasSocketFile, refuseMissingFolder } from './ipc.ts';
import { resolveLocal } from './local-address.ts';
import { transportOf } from './registry.ts';
import { systemError } from './stream.ts';

/** Ports below belong to the superuser, on most systems. */
const FIRST_FREE_PORT = 1024;

/**
 * Resolves when `endpoint` could be bound if nobody has it.
 *
 * @param endpoint tcp:// or ipc://, with an IPv4 address or a name that has one; of other transports only the scheme is looked at
 * @throws (rejects) TransportError as `bind()`: `EINVAL`, `EPROTONOSUPPORT`, `ENODEV`, `EADDRNOTAVAIL`, `EACCES`, `ENOENT`,
 * `ENAMETOOLONG`, and `EADDRINUSE` for a file that is no socket
 */
export async function checkBind(endpoint: string): Promise<void> {
  transportOf(endpoint);
  const { transport, address } = parseEndpoint(endpoint);
  if (transport === 'ipc') checkFile(address, endpoint);
  if (transport !== 'tcp') return;
  const { host, port } = parseBindAddress(address, endpoint);
  const local = await resolveLocal(host, { ipv6: false, interface: null }, endpoint);
  await checkAddress(local, port, endpoint);
}

/** The same address of UDP stands for it: it is had by the same rules, and no client of tcp comes there. */
async function checkAddress(host: string, port: number, endpoint: string): Promise<void> {
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  try {
    await new Promise<void>((found, reject) => {
      socket.once('error', reject);
      socket.bind(
        { address: host, port: port < FIRST_FREE_PORT ? port : 0, exclusive: true },
        found,
      );
    });
  } catch (cause) {
    const { code } = Object(cause);
    if (code === 'EADDRNOTAVAIL' || code === 'EACCES') {
      throw systemError(cause, `Cannot listen on ${endpoint}`, endpoint);
    }
    // Whatever else: binding will tell.
  } finally {
    socket.close();
  }
}

function checkFile(name: string, endpoint: string): void {
  if (name === '*') return; // it is made in a folder of its own
  const path = systemPath(checkIpcPath(name, endpoint), endpoint);
  if (path.startsWith('\0')) return;
  refuseMissingFolder(path, endpoint);
  hasSocketFile(path, endpoint);
  try {
    accessSync(dirname(resolve(path)), constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw systemError(cause, `Cannot listen on ${endpoint}`, endpoint);
  }
}
