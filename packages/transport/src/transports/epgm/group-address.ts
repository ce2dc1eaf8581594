/**
 * The addresses of multicast (zmq_pgm(7)):  epgm://[<interface>][;<group>[;<send group>]]:<port>
 *
 *   interface    an IPv4 address or the name of an interface of this machine; left out: the first that is not the loopback
 *   group        an IPv4 multicast address that is listened to; left out: 239.192.0.1. Alone, it may stand without the semicolon
 *   send group   where publishers send to; left out: the group
 *   port         the UDP port of every member of the group
 */

import { isIPv4 } from 'node:net';
import type { networkInterfaces } from 'node:os';
import { fail } from '../../errors.ts';

/** A multicast endpoint, looked up. */
export interface GroupAddress {
  /** Address of the interface. */
  readonly local: string;
  readonly group: string;
  readonly sendGroup: string;
  readonly port: number;
}

/** The interfaces of this machine, as `os.networkInterfaces()` gives them. */
export type Interfaces = ReturnType<typeof networkInterfaces>;

const DEFAULT_GROUP = '239.192.0.1';
const PORT_MAX = 65_535;

/** @throws TransportError `EINVAL`, with the part that is wrong. */
export function parseGroupAddress(
  address: string,
  endpoint: string,
  interfaces: Interfaces,
): GroupAddress {
  const colon = address.lastIndexOf(':');
  if (colon < 0) refuse(endpoint, 'it ends in a colon and a port');
  const port = parsePort(address.slice(colon + 1), endpoint);
  const parts = address.slice(0, colon).split(';');
  if (parts.length > 3) refuse(endpoint, 'it has an interface, a group and a send group at most');
  const [first = '', second, third] = parts;
  const isGroupAlone = second === undefined && isGroup(first);
  const name = isGroupAlone ? '' : first;
  const group = parseGroup(isGroupAlone ? first : (second ?? ''), DEFAULT_GROUP, endpoint);
  const sendGroup = parseGroup(third ?? '', group, endpoint);
  return { local: localAddress(name, endpoint, interfaces), group, sendGroup, port };
}

/** Unlike libzmq, which reads `5555x` as 5555. */
function parsePort(text: string, endpoint: string): number {
  const port = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > PORT_MAX) refuse(endpoint, `the port is a number from 1 to ${PORT_MAX}`);
  return port;
}

function parseGroup(text: string, otherwise: string, endpoint: string): string {
  if (text === '') return otherwise;
  if (text.includes(',')) {
    refuse(endpoint, 'several groups in one endpoint are not supported: connect to each of them');
  }
  if (!isGroup(text)) {
    refuse(
      endpoint,
      `the group ${JSON.stringify(text)} is no IPv4 multicast address (224.0.0.0 to 239.255.255.255)`,
    );
  }
  return text;
}

function isGroup(text: string): boolean {
  if (!isIPv4(text)) return false;
  const first = Number(text.slice(0, text.indexOf('.')));
  return first >= 224 && first <= 239;
}

function localAddress(name: string, endpoint: string, interfaces: Interfaces): string {
  const all = Object.values(interfaces).flatMap((each) => each ?? []);
  const v4 = all.filter(({ family }) => family === 'IPv4');
  if (name === '') {
    const found = v4.find(({ internal }) => !internal);
    if (found !== undefined) return found.address;
    return refuse(
      endpoint,
      'this machine has no network interface with an IPv4 address; write epgm://127.0.0.1;… to stay on it',
    );
  }
  const found = isIPv4(name)
    ? v4.find(({ address }) => address === name)
    : interfaces[name]?.find(({ family }) => family === 'IPv4');
  if (found !== undefined) return found.address;
  return refuse(
    endpoint,
    `${JSON.stringify(name)} is neither an interface of this machine with an IPv4 address nor the address of one (${v4.map((each) => each.address).join(', ')})`,
  );
}

function refuse(endpoint: string, rule: string): never {
  fail(
    'EINVAL',
    `${JSON.stringify(endpoint)} is no multicast endpoint that can be used here, such as epgm://eth0;239.192.1.1:5555: ${rule}.`,
    { endpoint },
  );
}
