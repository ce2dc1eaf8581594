/**
 * Endpoints: any string to `connect` and `bind` is refused with a code that is documented, or does what it says.
 *
 * What is parsed is also dialled for a moment, since an address can turn out to be none only then. Nothing leaves the machine: names
 * are not looked up, and only addresses of the machine itself are dialled. Binds are to free ports and a folder of the target's own.
 */

import { strictEqual } from 'node:assert';
import dns from 'node:dns';
import { mkdtempSync, rmSync } from 'node:fs';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { Context } from '../../../packages/transport/src/context.ts';
import { TransportError } from '../../../packages/transport/src/errors.ts';
import { Dealer } from '../../../packages/transport/src/sockets/dealer.ts';
import {
  formatTcpEndpoint,
  parseBindAddress,
  parseConnectAddress,
  parseEndpoint,
} from '../../../packages/transport/src/transports/endpoint.ts';
import { transportOf } from '../../../packages/transport/src/transports/registry.ts';
import { ok } from '../ok.ts';
import { turn, withoutStrays } from '../strays.ts';
import type { FuzzTarget } from '../target.ts';

/** Of docs/reference/endpoints.md, and of `Transport`. */
const CODES = new Set([
  'EINVAL',
  'ENOCOMPATPROTO',
  'EPROTONOSUPPORT',
  'ENAMETOOLONG',
  'EADDRINUSE',
  'EADDRNOTAVAIL',
  'ENODEV',
  'EACCES',
  'ENOENT',
  'ENOTDIR',
  'ENOTSUP',
]);

const part = fc.oneof(
  fc.string({ maxLength: 8 }),
  fc.string({ unit: 'binary', maxLength: 4 }),
  fc.constantFrom(
    '*',
    '0',
    '1',
    '5555',
    '65535',
    '65536',
    '127.0.0.1',
    '::1',
    '[::1]',
    'localhost',
  ),
  fc.constantFrom(
    'lo',
    '%lo',
    '%1',
    '%',
    ';',
    ':',
    '[',
    ']',
    '@',
    '/',
    '\0',
    'é',
    '.',
    '-1',
    '1e3',
  ),
  fc.constantFrom('127.0.0.1:0;', '::ffff:127.0.0.1', 'fe80::1%lo', '0x7f.1', '[', ' '),
);

const scheme = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('tcp://', 'ipc://', 'inproc://') },
  { weight: 1, arbitrary: fc.constantFrom('', 'tcp:', '://', 'TCP://', 'udp://', 'epgm://') },
  { weight: 1, arbitrary: fc.constantFrom('__proto__://', 'constructor://', 'ws://') },
);

const host = fc.constantFrom(
  '*',
  '127.0.0.1',
  'localhost',
  '::1',
  '[::1]',
  'a_b.c-d',
  'lo',
  '0',
  '[',
);
const port = fc.constantFrom('0', '*', '5555', '65535', '65536', '', '00', '08');

const endpoint = fc.oneof(
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom('', '127.0.0.1:0;', 'lo:0;', '[::1]:0;', ';', 'x:1;'), host, port)
      .map(([source, name, number]) => `tcp://${source}${name}:${number}`),
  },
  {
    weight: 6,
    arbitrary: fc
      .tuple(scheme, fc.array(part, { maxLength: 5 }))
      .map(([start, parts]) => `${start}${parts.join('')}`),
  },
  { weight: 1, arbitrary: fc.string({ maxLength: 30 }) },
  { weight: 1, arbitrary: fc.nat(400).map((length) => `ipc://${'é'.repeat(length)}`) },
  { weight: 1, arbitrary: fc.nat(400).map((length) => `inproc://${'x'.repeat(length)}`) },
);

const settings = fc.record(
  {
    ipv6: fc.boolean(),
    interface: fc.constantFrom(null, 'lo', 'nosuch'),
    immediate: fc.boolean(),
    socksProxy: fc.constantFrom(null, '127.0.0.1:1', 'nonsense', 'a:0', ':', '[::1]:1', 'x;y:1'),
  },
  { requiredKeys: [] },
);

export const connects: FuzzTarget = {
  name: 'connect',
  promise: 'takes any string to connect() for an endpoint or refuses it with a documented code',
  runs: 400,
  property: fc.asyncProperty(endpoint, settings, (text, options) =>
    withoutStrays(() => withoutLookups(() => dial(text, options))),
  ),
};

async function dial(
  text: string,
  options: Partial<ConstructorParameters<typeof Dealer>[0]>,
): Promise<void> {
  const socket = new Dealer({
    ...options,
    context: new Context(),
    linger: 0,
    reconnectInterval: -1,
  });
  try {
    const isConnected = succeeds(() => socket.connect(text));
    if (!isConnected) {
      strictEqual(socket.hasEndpoints, false);
      return;
    }
    strictEqual(socket.lastEndpoint, text);
    // The system would end the path at a zero byte, and so connect to something else.
    ok(!text.startsWith('ipc://') || !text.includes('\0'), 'a path with a zero byte was taken');
    if (!staysHere(text)) return; // closed before its first try
    await turn();
    await turn();
    socket.disconnect(text);
  } finally {
    socket.close();
    await socket.ended;
  }
}

export const binds: FuzzTarget = {
  name: 'bind',
  promise: 'takes any string to bind() for an endpoint or refuses it with a documented code',
  runs: 200,
  property: fc.asyncProperty(endpoint, settings, fc.boolean(), (text, options, isSync) =>
    withoutStrays(() => withoutLookups(() => listen(text, options, isSync))),
  ),
};

async function listen(
  given: string,
  options: Partial<ConstructorParameters<typeof Dealer>[0]>,
  isSync: boolean,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'fuzz-'));
  const text = harmless(given, folder);
  const socket = new Dealer({ ...options, context: new Context(), linger: 0 });
  try {
    const isBound = isSync
      ? succeeds(() => socket.bindSync(text))
      : await resolves(socket.bind(text));
    strictEqual(socket.hasEndpoints, isBound);
    if (!isBound) return;
    const { lastEndpoint } = socket;
    ok(lastEndpoint !== null, 'the address that was bound is told');
    strictEqual(parseEndpoint(lastEndpoint).transport, parseEndpoint(text).transport);
    await socket.unbind(lastEndpoint);
    strictEqual(socket.hasEndpoints, false);
  } finally {
    socket.close();
    await socket.ended;
    rmSync(folder, { recursive: true, force: true });
  }
}

export const parses: FuzzTarget = {
  name: 'endpoints',
  promise:
    'parses any string to a host and a port that can be, or refuses it with a documented code',
  runs: 1500,
  property: fc.property(endpoint, (text) => {
    succeeds(() => {
      const { transport, address } = parseEndpoint(text);
      strictEqual(`${transport}://${address}`, text);
      ok(transport.length > 0 && address.length > 0, 'both parts are there');
    });
    succeeds(() => transportOf(text));
    succeeds(() => checkAddress(parseBindAddress(text, text)));
    succeeds(() => {
      const parsed = parseConnectAddress(text, text);
      checkAddress(parsed);
      if (parsed.source !== undefined) checkAddress(parsed.source);
      if (isIP(parsed.host) === 0 && parsed.host.includes(':')) return; // told when it is dialled
      const again = parseConnectAddress(
        formatTcpEndpoint(parsed.host, parsed.port).slice('tcp://'.length),
        text,
      );
      strictEqual(again.host, parsed.host);
      strictEqual(again.port, parsed.port);
    });
  }),
};

function checkAddress({ host, port }: { host: string; port: number }): void {
  ok(Number.isInteger(port) && port >= 0 && port <= 65_535, `port ${port}`);
  ok(typeof host === 'string', 'a host is a string');
}

/** Whether it does; an error must be one that is documented. */
function succeeds(act: () => unknown): boolean {
  try {
    act();
    return true;
  } catch (error) {
    checkRefusal(error);
    return false;
  }
}

async function resolves(promise: Promise<unknown>): Promise<boolean> {
  try {
    await promise;
    return true;
  } catch (error) {
    checkRefusal(error);
    return false;
  }
}

function checkRefusal(error: unknown): void {
  if (!(error instanceof TransportError)) {
    throw new Error('expected a TransportError', { cause: error });
  }
  ok(CODES.has(error.code), `code ${error.code} is not documented: ${error.message}`);
}

/** What may be dialled: names, which nobody looks up, and this machine. */
function staysHere(text: string): boolean {
  const { transport, address } = parseEndpoint(text);
  if (transport !== 'tcp') return true;
  const { host } = parseConnectAddress(address, text);
  return isIP(host) === 0 ? !/^[\d.x]+$/i.test(host) : /^(127\.|::1$|::ffff:127\.)/.test(host);
}

/** An endpoint of the same shape that takes nothing from anybody when it is bound. */
function harmless(text: string, folder: string): string {
  if (text.startsWith('ipc://')) {
    const address = text.slice('ipc://'.length);
    // A wildcard makes a folder of its own, and an abstract name no file.
    if (address === '*' || address === '' || address.startsWith('@')) return text;
    return `ipc://${folder}/${address.replaceAll('..', '__')}`;
  }
  if (!text.startsWith('tcp://')) return text;
  return text.replace(/\d+$/, (port) => (Number(port) > 0 && Number(port) < 65_536 ? '0' : port));
}

/** Every look-up of a name fails meanwhile, as with no network. Addresses need none. */
async function withoutLookups(run: () => Promise<void>): Promise<void> {
  const { lookup } = dns;
  const { lookup: lookupPromise } = dns.promises;
  const failure = (name: unknown): Error =>
    Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: 'ENOTFOUND' });
  Object.assign(dns, {
    lookup(name: string, ...rest: unknown[]) {
      if (isIP(name) > 0) return Reflect.apply(lookup, dns, [name, ...rest]);
      const done = rest.at(-1) as (error: Error) => void; // the last argument of dns.lookup
      process.nextTick(done, failure(name));
    },
  });
  Object.assign(dns.promises, { lookup: (name: string) => Promise.reject(failure(name)) });
  try {
    await run();
  } finally {
    Object.assign(dns, { lookup });
    Object.assign(dns.promises, { lookup: lookupPromise });
  }
}
