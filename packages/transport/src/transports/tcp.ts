/** The tcp transport (zmq_tcp(7)): addresses to net.Sockets; the rest is in stream-listener.ts and stream-dialer.ts. */

import { promises as dns } from 'node:dns';
import { type AddressInfo, connect, isIP, type Socket as NetSocket, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { fail } from '../errors.ts';
import {
  type ConnectAddress,
  formatTcpEndpoint,
  parseBindAddress,
  parseConnectAddress,
  parseEndpoint,
} from './endpoint.ts';
import { StreamDialer } from './stream-dialer.ts';
import { listenStream } from './stream-listener.ts';
import type { Dialer, Listener, PipeHost, Transport } from './transport.ts';

/** `tcp://` */
export const tcpTransport: Transport = {
  async bind(endpoint: string, host: PipeHost): Promise<Listener> {
    const { ipv6 } = host.options;
    const address = parseBindAddress(parseEndpoint(endpoint).address, endpoint);
    const local = await resolveLocal(address.host, ipv6, endpoint);
    return listenStream(
      endpoint,
      {
        listen: { host: local, port: address.port, ipv6Only: false },
        endpointOf: boundEndpoint,
        cleanUp: async () => {},
      },
      host,
    );
  },

  connect(endpoint: string, host: PipeHost): Dialer {
    const address = parseConnectAddress(parseEndpoint(endpoint).address, endpoint);
    checkSource(address, host.options.ipv6, endpoint);
    return new StreamDialer(endpoint, host, () => open(address, host.options.ipv6));
  },
};

/** net.connect() throws for a source that is neither an address nor an interface, and at each try. */
function checkSource({ source }: ConnectAddress, ipv6: boolean, endpoint: string): void {
  if (source === undefined || isIP(interfaceAddress(source.host, ipv6) ?? source.host) > 0) return;
  fail(
    'EINVAL',
    `The source in ${endpoint} is neither an address nor an interface of this machine.`,
    {
      endpoint,
    },
  );
}

/** Names are looked up again at each try. */
function open(address: ConnectAddress, ipv6: boolean): NetSocket {
  const { source } = address;
  return connect({
    host: address.host,
    port: address.port,
    noDelay: true,
    ...(ipv6 || isIP(address.host) === 6 ? {} : { family: 4 }),
    ...(source === undefined
      ? {}
      : { localAddress: interfaceAddress(source.host, ipv6) ?? source.host }),
    ...(source === undefined || source.port === 0 ? {} : { localPort: source.port }),
  });
}

/** The address to listen on: `*`, an address, an interface's name, or a name that resolves to one of ours. */
async function resolveLocal(name: string, ipv6: boolean, endpoint: string): Promise<string> {
  if (name === '*') return ipv6 ? '::' : '0.0.0.0';
  const version = isIP(name);
  if (version === 4 || (version === 6 && ipv6)) return name;
  if (version === 6) {
    fail('ENODEV', `${endpoint} is an IPv6 address, and the option ipv6 is off. Set ipv6: true.`, {
      endpoint,
    });
  }
  const found = interfaceAddress(name, ipv6);
  if (found !== undefined) return found;
  try {
    return (await dns.lookup(name, ipv6 ? {} : { family: 4 })).address;
  } catch (cause) {
    return fail(
      'ENODEV',
      `There is no interface, address or host ${JSON.stringify(name)} on this machine (${endpoint}). Use *, an address of this machine, or an interface name.`,
      { endpoint, cause },
    );
  }
}

function interfaceAddress(name: string, ipv6: boolean): string | undefined {
  const addresses = networkInterfaces()[name] ?? [];
  return (addresses.find((each) => each.family === (ipv6 ? 'IPv6' : 'IPv4')) ?? addresses[0])
    ?.address;
}

function boundEndpoint(server: Server): string {
  const { address, port } = server.address() as AddressInfo; // a tcp server that listens
  return formatTcpEndpoint(address, port);
}
