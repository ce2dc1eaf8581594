/*
 * A name server on loopback that says what a test wants: A, AAAA and SRV records with a TTL, that there is no such name, an error,
 * or nothing.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { closing } from './closing.ts';

const TYPES = { A: 1, AAAA: 28, SRV: 33 } as const;
const SERVFAIL = 2;
const NXDOMAIN = 3;
/** A response, recursion desired and available. */
const RESPONSE = 0x8180;
/** A pointer to the name of the question, which starts behind the header. */
const POINTER_TO_QUESTION = Buffer.from('c00c', 'hex');
const HEADER_BYTES = 12;

/** What the server says of one name; what is left out it has no records of. */
export interface Zone {
  readonly A?: readonly string[];
  readonly AAAA?: readonly string[];
  /** `host:port`. */
  readonly SRV?: readonly string[];
}

/** A name server; closed when the running test ends. */
export class DnsServer {
  /** By name. A name that is not there does not exist. */
  readonly zones = new Map<string, Zone>();
  /** Of all records, in seconds. */
  ttl = 1;
  /** `answers`, says that it failed, or is silent. */
  mood: 'answers' | 'fails' | 'silent' = 'answers';
  /** Questions that came: `A front.test`. */
  readonly questions: string[] = [];
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (message, from) => this.#onQuestion(message, from));
  }

  static async start(): Promise<DnsServer> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return closing(new DnsServer(socket));
  }

  /** For `dnsServers`. */
  get address(): string {
    return `127.0.0.1:${this.#socket.address().port}`;
  }

  close(): void {
    this.#socket.close();
  }

  #onQuestion(message: Buffer, from: RemoteInfo): void {
    const { name, end } = nameAt(message, HEADER_BYTES);
    const number = message.readUInt16BE(end);
    const [type = 'A'] = Object.entries(TYPES).find(([, each]) => each === number) ?? [];
    this.questions.push(`${type} ${name}`);
    if (this.mood === 'silent') return;
    const zone = this.zones.get(name);
    const records = this.mood === 'fails' ? [] : (zone?.[type as keyof Zone] ?? []); // a name of TYPES
    const code = this.mood === 'fails' ? SERVFAIL : zone === undefined ? NXDOMAIN : 0;
    const header = Buffer.from(message.subarray(0, HEADER_BYTES));
    header.writeUInt16BE(RESPONSE | code, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(records.length, 6);
    header.fill(0, 8); // no authority, nothing additional
    const question = message.subarray(HEADER_BYTES, end + 4);
    const answers = records.map((record) => this.#encode(number, dataOf(number, record)));
    this.#socket.send(Buffer.concat([header, question, ...answers]), from.port, from.address);
  }

  #encode(type: number, data: Buffer): Buffer {
    const fields = Buffer.alloc(10);
    fields.writeUInt16BE(type, 0);
    fields.writeUInt16BE(1, 2); // of the internet
    fields.writeUInt32BE(this.ttl, 4);
    fields.writeUInt16BE(data.length, 8);
    return Buffer.concat([POINTER_TO_QUESTION, fields, data]);
  }
}

function nameAt(message: Buffer, start: number): { name: string; end: number } {
  const labels: string[] = [];
  let at = start;
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 };
}

function dataOf(type: number, record: string): Buffer {
  if (type === TYPES.A) return Buffer.from(record.split('.').map(Number));
  if (type === TYPES.AAAA) return ipv6(record);
  const [host = '', port = '0'] = record.split(':');
  const numbers = Buffer.alloc(6);
  numbers.writeUInt16BE(Number(port), 4); // priority and weight 0
  const labels = host.split('.').map((label) => {
    return Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]);
  });
  return Buffer.concat([numbers, ...labels, Buffer.from([0])]);
}

function ipv6(address: string): Buffer {
  const [head = '', tail = ''] = address.split('::');
  const groups = (text: string): number[] => (text === '' ? [] : text.split(':').map(fromHex));
  const missing = 8 - groups(head).length - groups(tail).length;
  const all = [...groups(head), ...Array.from({ length: missing }, () => 0), ...groups(tail)];
  const bytes = Buffer.alloc(16);
  for (const [i, group] of all.entries()) bytes.writeUInt16BE(group, i * 2);
  return bytes;
}

function fromHex(digits: string): number {
  return Number.parseInt(digits, 16);
}
