/**
 * Names of Linux's abstract namespace (unix(7)): `ipc://@name` is, for the system, a zero byte and `name`, and the length counts.
 *
 * Not every runtime gets the length right. Node 20 (libuv 1.46) fills the name up with zeros to 108 bytes, which is another name: no other
 * program would find it. Node 22.12, 22.23, 24.21 and 26.10 (libuv 1.49 and later) bind exactly the name. So it is tried out, once.
 */

import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { fail } from '../errors.ts';
import { unixListeners } from './unix-listeners.ts';

let exact: boolean | undefined;

/** Whether an ipc address is an abstract name and not a path. */
export function isAbstract(address: string): boolean {
  return address.startsWith('@');
}

/** What `node:net` takes for an ipc address. @throws TransportError `EPROTONOSUPPORT` for an abstract name where they do not work. */
export function systemPath(address: string, endpoint: string): string {
  if (!isAbstract(address)) return address;
  if (abstractNamesWork()) return `\0${address.slice(1)}`;
  return fail(
    'EPROTONOSUPPORT',
    `Abstract socket names (${endpoint}) do not work in this runtime; they do on Linux with Node 22 or later. Use a path such as ipc:///tmp/${address.slice(1)}.sock.`,
    { endpoint },
  );
}

/** Whether this runtime binds exactly the name that it is given. */
export function abstractNamesWork(): boolean {
  exact ??=
    process.platform === 'linux' && bindsExactly(`zscale-${randomBytes(12).toString('hex')}`);
  return exact;
}

/** Listens at the name for a moment, and looks at what the system calls it. */
function bindsExactly(name: string): boolean {
  const server = createServer();
  server.on('error', () => {}); // then it is not in the table either
  server.listen({ path: `\0${name}` });
  const found = unixListeners()?.includes(`@${name}`) ?? false;
  server.close();
  return found;
}
