/**
 * The same listener, asked twice: alone behind node:http, by a client of bytes; and without a socket, through an exchange. What a
 * client gets and what the program saw are made comparable here; whether they are the same is for tests to say.
 */
import { createServer, type RequestListener, type ServerOptions } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { HttpHandler } from '../../packages/core/src/handlers/http-handler.ts';
import { MemoryExchange } from './memory-exchange.ts';

/** What is asked. */
export interface Question {
  readonly method?: string;
  readonly target?: string;
  readonly httpVersion?: '1.0' | '1.1';
  /** Name, value, name, value ... beside Host and what frames the body. */
  readonly headers?: readonly string[];
  readonly body?: string;
  /** The body is sent in chunks, these trailers behind it. */
  readonly trailers?: readonly string[];
}

/** What a client got. */
export interface Answer {
  readonly status: number;
  readonly statusMessage: string;
  /** `name: value` in their order, without those of the connection and the value of Date. */
  readonly headers: readonly string[];
  readonly body: string;
  readonly trailers: readonly string[];
  readonly informational: readonly (readonly [number, readonly string[]])[];
}

/** A program that notes what it sees. */
export type Program = (note: (seen: unknown) => void) => RequestListener;

/** Both answers, with what the program noted each time. */
export interface Both {
  readonly alone: Answer & { readonly notes: readonly unknown[] };
  readonly virtual: Answer & { readonly notes: readonly unknown[] };
}

/** Asks the program both ways. It must note `'over'` when nothing more happens; default: when `res` is closed. */
export async function askBoth(
  program: Program,
  question: Question,
  options: ServerOptions = {},
): Promise<Both> {
  const aloneNotes: unknown[] = [];
  const virtualNotes: unknown[] = [];
  const alone = await askAlone(withEnd(program, aloneNotes), question, options);
  const virtual = await askVirtual(withEnd(program, virtualNotes), question, options);
  return { alone: { ...alone, notes: aloneNotes }, virtual: { ...virtual, notes: virtualNotes } };
}

interface Ending {
  readonly listener: RequestListener;
  readonly closed: Promise<unknown>;
}

function withEnd(program: Program, notes: unknown[]): Ending {
  let isClosed: (value?: unknown) => void = () => {};
  const closed = new Promise((resolve) => {
    isClosed = resolve;
  });
  const listener = program((seen) => notes.push(seen));
  return {
    closed,
    listener: (req, res) => {
      let left = 2;
      // Both of them, and a moment for what is told behind.
      const one = (): void => {
        left -= 1;
        if (left === 0) setImmediate(isClosed);
      };
      res.on('close', one);
      req.on('close', one);
      listener(req, res);
    },
  };
}

async function askAlone(
  ending: Ending,
  question: Question,
  options: ServerOptions,
): Promise<Answer> {
  const server = createServer(options, ending.listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // a TCP server's
  const client = connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  client.on('data', (chunk) => chunks.push(chunk));
  client.on('error', () => {}); // a program may cut the connection
  client.write(bytesOf(question), 'latin1');
  await ending.closed;
  client.end(); // the response is whole by now
  await new Promise((resolve) => client.once('close', resolve));
  server.close();
  return parse(Buffer.concat(chunks).toString('latin1'), question);
}

async function askVirtual(
  ending: Ending,
  question: Question,
  options: ServerOptions,
): Promise<Answer> {
  const { body, headers = [], trailers, ...rest } = question;
  const handler = new HttpHandler(createServer(options, ending.listener));
  const framing =
    trailers === undefined
      ? body === undefined
        ? []
        : ['Content-Length', String(Buffer.byteLength(body, 'latin1'))]
      : ['Transfer-Encoding', 'chunked'];
  const exchange = new MemoryExchange({
    ...rest,
    rawHeaders: ['Host', 'test', ...headers, ...framing],
    ...(body !== undefined && trailers === undefined && { body: Buffer.from(body, 'latin1') }),
    more: trailers !== undefined,
  });
  exchange.give(handler);
  if (trailers !== undefined) {
    if (body !== undefined) exchange.part(Buffer.from(body, 'latin1'));
    exchange.end([...trailers]);
  }
  await ending.closed;
  const { response } = exchange;
  return {
    status: response?.status ?? 0,
    statusMessage: response?.statusMessage ?? '',
    headers: comparable(response?.rawHeaders ?? []),
    body: exchange.text,
    trailers: comparable(exchange.trailers ?? []),
    informational: exchange.informational.map((head) => [head.status, comparable(head.rawHeaders)]),
  };
}

function bytesOf(question: Question): string {
  const {
    method = 'GET',
    target = '/',
    httpVersion = '1.1',
    headers = [],
    body,
    trailers,
  } = question;
  let text = `${method} ${target} HTTP/${httpVersion}\r\nHost: test\r\n${lines(headers)}`;
  if (trailers === undefined) {
    if (body !== undefined) text += `Content-Length: ${body.length}\r\n`;
    return `${text}\r\n${body ?? ''}`;
  }
  text += 'Transfer-Encoding: chunked\r\n\r\n';
  if (body !== undefined) text += `${body.length.toString(16)}\r\n${body}\r\n`;
  return `${text}0\r\n${lines(trailers)}\r\n`;
}

function lines(fields: readonly string[]): string {
  let text = '';
  for (let i = 0; i < fields.length; i += 2) text += `${fields[i]}: ${fields[i + 1]}\r\n`;
  return text;
}

/** Reads a response as bytes; strict enough for what node:http writes. */
function parse(text: string, { method }: Question): Answer {
  const informational: (readonly [number, readonly string[]])[] = [];
  let rest = text;
  for (;;) {
    const end = rest.indexOf('\r\n\r\n');
    if (end === -1) {
      return { status: 0, statusMessage: '', headers: [], body: rest, trailers: [], informational };
    }
    const [first = '', ...head] = rest.slice(0, end).split('\r\n');
    rest = rest.slice(end + 4);
    const status = Number(first.slice(9, 12));
    const raw = fieldsOf(head);
    if (status >= 100 && status < 200) {
      informational.push([status, comparable(raw)]);
      continue;
    }
    const headers = comparable(raw);
    const isChunked = headers.some((line) => /^transfer-encoding: chunked$/i.test(line));
    const hasBody = method !== 'HEAD' && status !== 204 && status !== 304;
    const { body, trailers } =
      isChunked && hasBody ? unchunk(rest) : { body: rest, trailers: [] as string[] };
    return { status, statusMessage: first.slice(13), headers, body, trailers, informational };
  }
}

function fieldsOf(head: readonly string[]): string[] {
  return head.flatMap((line) => [
    line.slice(0, line.indexOf(': ')),
    line.slice(line.indexOf(': ') + 2),
  ]);
}

function unchunk(text: string): { body: string; trailers: string[] } {
  let body = '';
  let rest = text;
  for (;;) {
    const end = rest.indexOf('\r\n');
    const size = Number.parseInt(rest.slice(0, end), 16);
    rest = rest.slice(end + 2);
    if (!(size > 0)) break;
    body += rest.slice(0, size);
    rest = rest.slice(size + 2);
  }
  const last = rest.indexOf('\r\n\r\n');
  return {
    body,
    trailers: last === -1 ? [] : comparable(fieldsOf(rest.slice(0, last).split('\r\n'))),
  };
}

/** Without what is the connection's: whoever has it says how long it is kept. */
function comparable(raw: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? '';
    const value = raw[i + 1] ?? '';
    if (name === 'Keep-Alive' || (name === 'Connection' && value === 'keep-alive')) continue;
    kept.push(name === 'Date' ? 'Date' : `${name}: ${value}`);
  }
  return kept;
}
