/*
 * A client of HTTP that has a socket and nothing else: bytes go out as they are written, and what comes back is read as strictly as
 * it can be. For tests that compare what two servers send, so nothing is added, followed or tried again.
 */
import { createHash } from 'node:crypto';
import { connect } from 'node:net';

/** Bytes to send, as latin1; or something to wait for in what has come. */
export type Step = string | Buffer | { readonly until: string };

/** One answer, with the heads that came before it. */
export interface Answer {
  readonly version: string;
  readonly status: number;
  readonly reason: string;
  /** `Name: value`, in their order and spelling. */
  readonly headers: readonly string[];
  /** As latin1; what is longer than a line or two, as its length and its hash. */
  readonly body: string;
  readonly trailers: readonly string[];
  readonly interim: readonly { readonly status: number; readonly headers: readonly string[] }[];
  /** Whether the body ended where its head said, by the end of the connection, or before its time. */
  readonly framing: 'none' | 'length' | 'chunked' | 'close' | 'cut';
}

/** What came of some bytes. */
export interface Conversation {
  readonly answers: readonly Answer[];
  /** Whether the connection took one more request behind them. */
  readonly persists: boolean;
  /** Bytes that belong to no answer. */
  readonly rest: string;
  /** Nothing came for too long. */
  readonly isSilent: boolean;
}

const SILENCE_MS = 8000;
const LONG_BODY = 200;
/** What is asked behind everything else, to see whether the connection is kept. */
const PROBE = 'GET /probe HTTP/1.1\r\nHost: probe\r\n\r\n';

/**
 * Sends `steps` on a connection of its own and reads an answer for each of `methods`; then asks once more. Rejects when there is no
 * connection.
 *
 * @param methods of the requests among the steps, which say whether an answer has a body
 */
export function converse(
  port: number,
  steps: readonly Step[],
  methods: readonly string[],
): Promise<Conversation> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let isConnected = false;
    const waiting = [...steps];
    let text = '';
    let hasProbed = false;
    let isOver = false;
    const silence = setTimeout(() => finish(false, true), SILENCE_MS);
    const finish = (hasEnded: boolean, isSilent = false): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(silence);
      socket.destroy();
      const { answers, rest } = readAnswers(text, methods, { hasEnded });
      const extra = readAnswers(rest, ['GET'], { hasEnded });
      const persists = hasProbed && extra.answers[0]?.status === 200;
      resolve({ answers, persists, rest: persists ? extra.rest : rest, isSilent });
    };
    const proceed = (): void => {
      for (let step = waiting[0]; step !== undefined; step = waiting[0]) {
        if (typeof step !== 'string' && !Buffer.isBuffer(step)) {
          if (!text.includes(step.until)) return;
        } else socket.write(typeof step === 'string' ? Buffer.from(step, 'latin1') : step);
        waiting.shift();
      }
      if (hasProbed) {
        const { rest, answers } = readAnswers(text, [...methods, 'GET'], { hasEnded: false });
        if (answers.length > methods.length && rest === '') finish(false);
        return;
      }
      if (readAnswers(text, methods, { hasEnded: false }).answers.length < methods.length) return;
      hasProbed = true;
      socket.write(PROBE);
    };
    socket.on('connect', () => {
      isConnected = true;
      proceed();
    });
    socket.on('data', (chunk) => {
      silence.refresh();
      text += chunk.toString('latin1');
      proceed();
    });
    socket.on('error', (error) => {
      if (isConnected)
        finish(true); // a server may cut the connection
      else reject(error);
    });
    socket.on('close', () => finish(true));
  });
}

/** Whole answers at the beginning of what came. With `hasEnded` also one that only the end of the connection ends. */
function readAnswers(
  text: string,
  methods: readonly string[],
  { hasEnded }: { readonly hasEnded: boolean },
): { readonly answers: Answer[]; readonly rest: string } {
  const answers: Answer[] = [];
  let rest = text;
  let interim: Answer['interim'][number][] = [];
  while (answers.length < methods.length) {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) break;
    const [first = '', ...headers] = rest.slice(0, end).split('\r\n');
    const line = /^(HTTP\/1\.\d) (\d{3})(?: (.*))?$/.exec(first);
    if (line === null) break;
    const [, version = '', code = '', reason = ''] = line;
    const status = Number(code);
    if (status < 200 && status !== 101) {
      interim = [...interim, { status, headers }];
      rest = rest.slice(end + 4);
      continue;
    }
    const body = readBody(rest.slice(end + 4), headers, methods[answers.length], status, hasEnded);
    if (body === undefined) break;
    const { framing, trailers } = body;
    answers.push({
      version,
      status,
      reason,
      headers,
      body: shortened(body.text),
      trailers,
      interim,
      framing,
    });
    interim = [];
    rest = body.rest;
  }
  return { answers, rest };
}

interface Body extends Pick<Answer, 'framing' | 'trailers'> {
  readonly text: string;
  readonly rest: string;
}

function readBody(
  text: string,
  headers: readonly string[],
  method: string | undefined,
  status: number,
  hasEnded: boolean,
): Body | undefined {
  if (method === 'HEAD' || status === 204 || status === 304) {
    return { framing: 'none', trailers: [], text: '', rest: text };
  }
  if (headers.some((line) => /^transfer-encoding: *chunked$/i.test(line))) {
    return readChunked(text) ?? cut(text, hasEnded);
  }
  const length = headers.map((line) => /^content-length: *(\d+)$/i.exec(line)?.[1]).find(Boolean);
  if (length !== undefined) {
    const size = Number(length);
    if (text.length < size) return cut(text, hasEnded);
    return { framing: 'length', trailers: [], text: text.slice(0, size), rest: text.slice(size) };
  }
  return hasEnded ? { framing: 'close', trailers: [], text, rest: '' } : undefined;
}

function cut(text: string, hasEnded: boolean): Body | undefined {
  return hasEnded ? { framing: 'cut', trailers: [], text: whatCame(text), rest: '' } : undefined;
}

/** Of an answer that was cut: how much had come is a matter of luck, that something had is not. */
function whatCame(text: string): string {
  return text === '' ? '' : 'something';
}

function readChunked(text: string): Body | undefined {
  let body = '';
  let at = 0;
  for (;;) {
    const line = /^([0-9a-fA-F]+)\r\n/.exec(text.slice(at, at + 20));
    if (line === null) return undefined;
    const size = Number.parseInt(line[1] ?? '', 16);
    at += line[0].length;
    if (size === 0) break;
    if (text.slice(at + size, at + size + 2) !== '\r\n') return undefined;
    body += text.slice(at, at + size);
    at += size + 2;
  }
  const trailers: string[] = [];
  for (;;) {
    const end = text.indexOf('\r\n', at);
    if (end < 0) return undefined;
    const line = text.slice(at, end);
    at = end + 2;
    if (line === '') return { framing: 'chunked', trailers, text: body, rest: text.slice(at) };
    trailers.push(line);
  }
}

function shortened(body: string): string {
  if (body.length <= LONG_BODY) return body;
  const hash = createHash('sha256').update(body, 'latin1').digest('hex');
  return `${body.length} bytes, ${hash}`;
}
