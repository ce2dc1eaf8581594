/**
 * The tcp transport (zmq_tcp(7)): addresses to net.Sockets; the rest is in stream-listener.ts and stream-dialer.ts, which address is
 * meant in local-address.ts.
 */

import { type AddressInfo, connect, isIP, Socket as NetSocket, type Server } from 'node:net';
import { fail, TransportError } from '../errors.ts';
import type { ResolvedSocketOptions } from '../options.ts';
import { AcceptFilter } from './accept-filter.ts';
import {
  type ConnectAddress,
  formatTcpEndpoint,
  type HostAndPort,
  parseBindAddress,
  parseConnectAddress,
  parseEndpoint,
} from './endpoint.ts';
import {
  interfaceAddress,
  isInterface,
  resolveLocal,
  resolveLocalNow,
  withKnownZone,
} from './local-address.ts';
import { askProxy, encodeConnectRequest, parseProxy } from './socks.ts';
import { StreamDialer, type StreamOpener } from './stream-dialer.ts';
import { type ListenAddress, listenStream, listenStreamNow } from './stream-listener.ts';
import type { Dialer, Listener, PipeHost, Transport } from './transport.ts';

/** `tcp://` */
export const tcpTransport: Transport = {
  bind(endpoint: string, host: PipeHost, options: ResolvedSocketOptions): Promise<Listener> {
    return listenStream(endpoint, host, options, async () => {
      const given = parseBindAddress(parseEndpoint(endpoint).address, endpoint);
      const local = await resolveLocal(given.host, options, endpoint);
      return listenAddress(given, local, options, endpoint);
    });
  },

  bindSync(endpoint: string, host: PipeHost, options: ResolvedSocketOptions): Listener {
    return listenStreamNow(endpoint, host, options, () => {
      const given = parseBindAddress(parseEndpoint(endpoint).address, endpoint);
      const local = resolveLocalNow(given.host, options, endpoint);
      return listenAddress(given, local, options, endpoint);
    });
  },

  connect(endpoint: string, host: PipeHost, options: ResolvedSocketOptions): Dialer {
    const parsed = parseConnectAddress(parseEndpoint(endpoint).address, endpoint);
    const address = { ...parsed, host: withKnownZone(parsed.host, endpoint) };
    checkSource(address, options, endpoint);
    return new StreamDialer(endpoint, host, options, opener(address, options, endpoint));
  },
};

/** @param local the address that `given.host` means. */
function listenAddress(
  given: HostAndPort,
  local: string,
  options: ResolvedSocketOptions,
  endpoint: string,
): ListenAddress {
  const { tcpAcceptFilter } = options;
  const filter =
    tcpAcceptFilter.length === 0 ? undefined : new AcceptFilter(tcpAcceptFilter, endpoint);
  return {
    target: { host: local, port: given.port },
    endpointOf: boundEndpoint,
    isAt: (named, reported) => isSameAddress(named, reported, given.host, options),
    admits: (socket) => filter === undefined || filter.admits(socket.remoteAddress),
    cleanUp: async () => {},
  };
}

function boundEndpoint(server: Server): string {
  const { address, port } = server.address() as AddressInfo; // a tcp server that listens
  return formatTcpEndpoint(address, port);
}

/** Whether `named` is another name of a bound endpoint: the name that was given, `localhost`, an interface, `*`. */
function isSameAddress(
  named: string,
  reported: string,
  givenHost: string,
  options: ResolvedSocketOptions,
): boolean {
  try {
    const { transport, address } = parseEndpoint(named);
    if (transport !== 'tcp') return false;
    const { host, port } = parseBindAddress(address, named);
    const bound = parseBindAddress(parseEndpoint(reported).address, reported);
    if (port !== bound.port) return false;
    return host === givenHost || resolveLocalNow(host, options, named) === bound.host;
  } catch (error) {
    if (error instanceof TransportError) return false; // no address of this machine
    throw error;
  }
}

/** What can be told at once: a source, or the option `interface`, that is not there. */
function checkSource(
  { source }: ConnectAddress,
  options: ResolvedSocketOptions,
  endpoint: string,
): void {
  if (source !== undefined) {
    if (isIP(source.host) > 0) withKnownZone(source.host, endpoint);
    else if (!isInterface(source.host)) {
      fail(
        'EINVAL',
        `The source in ${endpoint} is neither an address nor an interface of this machine.`,
        { endpoint },
      );
    }
  } else if (options.interface !== null && !isInterface(options.interface)) {
    fail(
      'ENODEV',
      `The option interface names ${JSON.stringify(options.interface)}, which does not exist (${endpoint}).`,
      { endpoint },
    );
  }
}

function opener(
  address: ConnectAddress,
  options: ResolvedSocketOptions,
  endpoint: string,
): StreamOpener {
  const { socksProxy } = options;
  if (socksProxy === null) {
    return {
      open: () => open(address, address.source, options),
      prepare: undefined,
      isInstant: false,
    };
  }
  const proxy = parseProxy(String(socksProxy), endpoint);
  const request = encodeConnectRequest(address, endpoint);
  return {
    open: () => open(proxy, address.source, options),
    prepare: (socket, done) => askProxy(socket, request, done),
    isInstant: false,
  };
}

/** Names are looked up again at each try, and so are addresses of interfaces. */
function open(
  target: HostAndPort,
  source: HostAndPort | undefined,
  options: ResolvedSocketOptions,
): NetSocket {
  const { ipv6 } = options;
  const version = isIP(target.host);
  if (version === 6 && !ipv6) {
    return failing('EAFNOSUPPORT', `${target.host} is an IPv6 address. Set ipv6: true.`);
  }
  const sourceName = source?.host ?? options.interface;
  const localAddress =
    sourceName === null ? undefined : sourceAddress(sourceName, ipv6 && version !== 4);
  if (sourceName !== null && localAddress === undefined) {
    return failing('EADDRNOTAVAIL', `${sourceName} has no address of the family that is needed.`);
  }
  const family = localAddress === undefined ? (ipv6 ? 0 : 4) : isIP(localAddress);
  return connect({
    host: target.host,
    port: target.port,
    noDelay: true,
    ...(version > 0 ? {} : { family }),
    ...(localAddress === undefined ? {} : { localAddress }),
    ...(source === undefined || source.port === 0 ? {} : { localPort: source.port }),
  });
}

/** The address behind an address or an interface's name; IPv4 ones in their own form. */
function sourceAddress(name: string, ipv6: boolean): string | undefined {
  const address = isIP(name) > 0 ? name : interfaceAddress(name, ipv6);
  const mapped = address?.toLowerCase().startsWith('::ffff:') ? address.slice(7) : '';
  return isIP(mapped) === 4 ? mapped : address;
}

/** A net.Socket for a try that cannot be made: it fails as one that was made and failed. */
function failing(code: string, text: string): NetSocket {
  return new NetSocket().destroy(new TransportError(code, text));
}
