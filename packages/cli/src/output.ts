/**
 * What the command prints: data on stdout, words about what went wrong on stderr.
 *
 * Owns the two streams and the form of what goes there: the notice of a server or device that is ready,
 * and a reply as JSON. Logs are not its business: core writes them, to stderr too.
 */
import type { CodecName } from '@zscale/core';
import type { Device } from '@zscale/transport';
import { EXIT_CODES } from './failure.ts';
import { printable } from './printable.ts';

/** As much of a stream as printing needs. */
export interface OutputStream {
  write(data: string | Uint8Array, done?: (error?: Error | null) => void): unknown;
  readonly isTTY?: boolean;
}

/** Where the command prints. */
export class Output {
  /** Whether a person reads stdout, and not a file or another program. */
  readonly isTerminal: boolean;
  readonly #stdout: OutputStream;
  readonly #stderr: OutputStream;
  #outlivesLosses = false;
  #isUnread = false;
  /** What `written` has rejected with. */
  #told: Error | undefined = undefined;

  constructor(stdout: OutputStream, stderr: OutputStream) {
    this.isTerminal = stdout.isTTY === true;
    this.#stdout = stdout;
    this.#stderr = stderr;
  }

  /**
   * The output of this process. A reader that goes away (`zscale run server.ts | head -1`) ends the
   * reading, not the server.
   */
  static ofProcess(): Output {
    const output = new Output(process.stdout, process.stderr);
    for (const stream of [process.stdout, process.stderr]) {
      stream.on('error', (error: NodeJS.ErrnoException) => {
        if (error === output.#told) return; // whoever wrote it was told
        if (error.code !== 'EPIPE' && !output.#outlivesLosses) {
          if (stream === process.stdout) output.complain(`zscale: cannot print: ${error.message}`);
          process.exit(EXIT_CODES.error);
        }
        if (stream === process.stdout) output.#isUnread = true;
      });
    }
    return output;
  }

  /** Whether the reader of stdout has gone away: there is nobody to print for. */
  get isUnread(): boolean {
    return this.#isUnread;
  }

  /**
   * From here on what cannot be written, as on a full disk, is lost and ends nothing: for a command whose work is to serve, and
   * not what it prints.
   */
  outliveLosses(): void {
    this.#outlivesLosses = true;
  }

  /** Data, as it is, on stdout. */
  write(data: string | Uint8Array): void {
    this.#stdout.write(data);
  }

  /**
   * Data, as it is, on stdout. Resolves when the system has taken it, so that who waits for that keeps no more than one piece in
   * memory; also when the reader has gone away, see `isUnread`.
   *
   * @throws (rejects) with the system's error when it cannot be written, as on a full disk
   */
  written(data: string | Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stdout.write(data, (error) => {
        if (error === undefined || error === null) return resolve();
        this.#told = error;
        const code: unknown = Reflect.get(error, 'code');
        if (code !== 'EPIPE' && code !== 'ERR_STREAM_DESTROYED') return reject(error);
        this.#isUnread = true;
        resolve();
      });
    });
  }

  /** Text on stdout, with the line ended, and control characters shown: it may be a worker's. */
  print(text: string): void {
    const shown = printable(text);
    this.#stdout.write(shown.endsWith('\n') ? shown : `${shown}\n`);
  }

  /** What went wrong, on stderr; control characters as by `print`. */
  complain(text: string): void {
    this.#stderr.write(`${printable(text)}\n`);
  }
}

/** What there is to tell about a server that is ready. */
export interface ReadyServer {
  readonly entry: string;
  readonly codec: CodecName;
  /** It is a web application: there is no codec. */
  readonly speaksHttp: boolean;
  readonly endpoints: readonly string[];
  readonly backendEndpoints: readonly string[];
  /** How many workers and why, in a few words. */
  readonly workerCountReason: string;
}

/** The notice of a server that is ready: where it listens, how many workers, how to call it. */
export function describeServer(server: ReadyServer): string {
  const rows: [label: string, text: string][] = [
    ...server.endpoints.map((endpoint): [string, string] => ['clients', endpoint]),
    ...server.backendEndpoints.map((endpoint): [string, string] => [
      'back end',
      `${endpoint}  (for REP workers in any language)`,
    ]),
    ['running', server.workerCountReason],
  ];
  if (!server.speaksHttp) rows.push(['codec', server.codec]);
  const [endpoint] = server.endpoints;
  if (endpoint !== undefined) rows.push(['try it', describeTry(endpoint, server)]);
  rows.push(['stop it', 'Ctrl-C']);

  const lines = rows.map(([label, text]) => `  ${label.padEnd(10)}${text}`);
  return `\nzscale runs ${server.entry}\n\n${lines.join('\n')}\n\n`;
}

/** What there is to tell about a machine that has joined. */
export interface JoinedMachine {
  readonly entry: string;
  readonly codec: CodecName;
  readonly backends: readonly string[];
  /** How many workers and why, in a few words. */
  readonly workerCountReason: string;
}

/** The notice of a machine that has joined: for whom it works, and with how many workers. */
export function describeMachine(machine: JoinedMachine): string {
  const rows: [label: string, text: string][] = [
    ...machine.backends.map((endpoint): [string, string] => ['joined', endpoint]),
    ['running', machine.workerCountReason],
    ['codec', machine.codec],
    ['stop it', 'Ctrl-C'],
  ];
  const lines = rows.map(([label, text]) => `  ${label.padEnd(10)}${text}`);
  return `\nzscale runs ${machine.entry}\n\n${lines.join('\n')}\n\n`;
}

/** Who is at the two sides of a device. */
const DEVICE_PEERS: Readonly<Record<Device['kind'], { frontend: string; backend: string }>> = {
  QUEUE: { frontend: 'clients: REQ or DEALER', backend: 'workers: REP or DEALER' },
  FORWARDER: { frontend: 'publishers: PUB', backend: 'subscribers: SUB' },
  STREAMER: { frontend: 'producers: PUSH', backend: 'consumers: PULL' },
};

/** The notice of a device that is ready: where it listens or connects to, and who belongs there. */
export function describeDevice(kind: Device['kind'], endpoints: Device['endpoints']): string {
  const peers = DEVICE_PEERS[kind];
  const rows = [
    ...endpoints.frontend.map((endpoint) => ['frontend', endpoint, peers.frontend]),
    ...endpoints.backend.map((endpoint) => ['backend', endpoint, peers.backend]),
    ...endpoints.capture.map((endpoint) => ['capture', endpoint, 'SUB: sees all that passes']),
  ];
  const width = Math.max(...rows.map(([, endpoint = '']) => endpoint.length));
  const lines = rows.map(
    ([label = '', endpoint = '', who = '']) =>
      `  ${label.padEnd(10)}${endpoint.padEnd(width)}  (for ${who})`,
  );
  return `\nzscale device ${kind.toLowerCase()}\n\n${lines.join('\n')}\n  stop it   Ctrl-C\n\n`;
}

type DeviceStats = ReturnType<Device['stats']>;

/** What went through a device, when it ended. */
export function describeTraffic({ frontend, backend }: DeviceStats): string {
  return `  frontend  ${describeSide(frontend)}\n  backend   ${describeSide(backend)}\n`;
}

function describeSide(side: DeviceStats['frontend']): string {
  const { receivedMessages, receivedBytes, sentMessages, sentBytes } = side;
  return `messages received ${receivedMessages} (${receivedBytes} bytes), sent ${sentMessages} (${sentBytes} bytes)`;
}

function describeTry(endpoint: string, { codec, speaksHttp }: ReadyServer): string {
  if (!isForHttp(endpoint)) return describeCall(endpoint, codec);
  return describeFetch(endpoint, speaksHttp ? '' : codec === 'raw' ? 'hello' : '{"name":"you"}');
}

/** Whether clients of HTTP connect there, and not those of ZeroMQ. */
export function isForHttp(endpoint: string): boolean {
  return /^(https?:|unix:|fd:)/.test(endpoint);
}

/** The command line that sends one request of HTTP, from this machine; a POST where there is something to send. */
export function describeFetch(endpoint: string, body: string): string {
  const [, path] = /unix:(.*)$/.exec(endpoint) ?? [];
  const scheme = endpoint.startsWith('https:') ? 'https' : 'http';
  const url =
    path === undefined
      ? endpoint.replace(/\/\/(0\.0\.0\.0|\[::\]):/, '//localhost:')
      : `--unix-socket ${shellWord(path)} ${scheme}://localhost/`;
  const data = body === '' ? '' : `-d ${shellWord(body)} `;
  return `curl ${scheme === 'https' ? '-k ' : ''}${data}${path === undefined ? shellWord(url) : url}`;
}

/** An endpoint that is bound, as this machine connects to it. */
export function fromThisMachine(endpoint: string): string {
  return endpoint
    .replace(/^tcp:\/\/0\.0\.0\.0:/, 'tcp://127.0.0.1:')
    .replace(/^tcp:\/\/\[::\]:/, 'tcp://[::1]:');
}

/** The command line that sends one request to `endpoint`, from this machine, ready to be pasted. */
export function describeCall(endpoint: string, codec: CodecName): string {
  const reachable = fromThisMachine(endpoint);
  const value = codec === 'raw' ? 'hello' : '{"name":"you"}';
  const flags = codec === 'msgpack' ? '' : ` --codec ${codec}`;
  return `zscale call ${shellWord(reachable)} ${shellWord(value)}${flags}`;
}

/**
 * A reply as one line of JSON. What JSON has no form for is shown readably: bytes as base64,
 * integers beyond 2^53 as text, no value as null.
 */
export function formatReply(reply: unknown): string {
  return JSON.stringify(reply, showUnlikelyValues) ?? 'null';
}

function showUnlikelyValues(this: unknown, key: string, shown: unknown): unknown {
  // A Buffer was turned into { type, data } by its toJSON already; the holder still has the bytes.
  const actual: unknown = Reflect.get(Object(this), key);
  if (actual instanceof Uint8Array) return Buffer.from(actual).toString('base64');
  return typeof actual === 'bigint' ? actual.toString() : shown;
}

function shellWord(text: string): string {
  return /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
