/*
 * What the oracle asks: requests as bytes, some hundred by a table and some hundred made from a seed. `test/fixtures/http/routes.cjs`
 * answers them.
 */
import fc from 'fast-check';
import type { Step } from './raw-http.ts';

/** Some requests on one connection. */
export interface Question {
  readonly name: string;
  readonly steps: readonly Step[];
  /** Of the requests, in their order. */
  readonly methods: readonly string[];
}

const HOST = 'Host: test';

/** One request without a body. */
export function ask(target: string, ...headers: string[]): Question {
  return request('GET', target, headers);
}

/** One request; a body gets its length. */
export function request(
  method: string,
  target: string,
  headers: readonly string[] = [],
  body?: string,
): Question {
  return {
    name: [`${method} ${target}`, ...headers].join(', ').slice(0, 150),
    steps: [bytesOf(method, target, [HOST, ...headers], body)],
    methods: [method],
  };
}

function bytesOf(
  method: string,
  target: string,
  headers: readonly string[],
  body?: string,
  version = '1.1',
): string {
  const all = body === undefined ? headers : [...headers, `Content-Length: ${body.length}`];
  return `${[`${method} ${target} HTTP/${version}`, ...all].join('\r\n')}\r\n\r\n${body ?? ''}`;
}

/** Bytes as they are. */
export function raw(name: string, methods: readonly string[], ...steps: Step[]): Question {
  return { name, steps, methods };
}

/** A chunked request, cut into these chunks. */
function chunked(
  target: string,
  chunks: readonly string[],
  trailers: readonly string[] = [],
  headers: readonly string[] = [],
): Question {
  const head = bytesOf('POST', target, [HOST, 'Transfer-Encoding: chunked', ...headers]);
  const body = chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('');
  const end = ['0', ...trailers].join('\r\n');
  return {
    name: `POST ${target} in ${chunks.length} chunks, ${trailers.length} trailers ${headers}`,
    steps: [`${head}${body}${end}\r\n\r\n`],
    methods: ['POST'],
  };
}

/** Several requests without waiting between them. */
function pipelined(name: string, ...questions: readonly Question[]): Question {
  return {
    name: `pipelined: ${name}`,
    steps: [Buffer.concat(questions.flatMap(({ steps }) => steps.map(toBuffer)))],
    methods: questions.flatMap(({ methods }) => methods),
  };
}

function toBuffer(step: Step): Buffer {
  if (typeof step === 'string') return Buffer.from(step, 'latin1');
  if (Buffer.isBuffer(step)) return step;
  throw new Error('a question that waits cannot be pipelined');
}

/** Every route of the application that needs nothing but to be asked. */
const ROUTES = [
  ...['/', '/nothing', '/json', '/writes', '/turns', '/turns?n=40', '/length-writes', '/flush'],
  ...['/flush-length', '/large', '/large?n=65536', '/large?n=262144', '/large?n=262145'],
  ...['/large-stream', '/gzip', '/bytes', '/cookies', '/case', '/list', '/latin1', '/latin1-utf8'],
  ...['/empty-header', '/many-headers', '/no-date', '/own-date', '/own-server', '/close'],
  ...['/close-middle', '/keep-alive-said', '/keep-alive-header', '/should-not-keep'],
  ...['/chunked-said', '/no-chunks', '/removed-length', '/removed-encoding'],
  ...['/removed-connection', '/trailers', '/trailers-ended', '/hints', '/hints-twice', '/hash'],
  ...['/facts', '/throws', '/destroy', '/destroy-socket', '/destroy-after-head'],
  ...['/destroy-chunked', '/too-short', '/bad-header', '/twice', '/head-twice', '/pipe-slow'],
  ...['/slow', '/cork', '/encodings', '/callbacks', '/same-again', '/status-writes?code=404'],
  ...['/early', '/early-close', '/early-reads-on', '/bodyless?code=200', '/bodyless?code=204'],
  ...['/bodyless?code=304', '/bodyless-chunked?code=204', '/bodyless-chunked?code=304'],
  ...['/write-after-end', '/end-in-pieces', '/wrong-uses', '/after-head', '/states'],
  ...['/strict-length', '/trailers-without-chunks', '/trailer-with-length', '/throws-after-head'],
  ...['/destroy-request', '/destroy-request-late', '/destroy-after-end', '/pipeline', '/iterate'],
  ...['/web-streams', '/hints-then-none', '/continue-twice', '/flush-then-nothing'],
  ...['/sets-host-headers'],
  ...['/missing', '/%2e%2e/x', '//double//slash', '/caf%C3%A9?q=%20+&x=1;y=2', '/?', '/?a=b?c'],
];

const CODES = [
  200, 201, 202, 203, 204, 205, 206, 226, 300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404,
  405, 406, 409, 410, 412, 415, 416, 418, 422, 425, 426, 428, 429, 431, 451, 500, 501, 502, 503,
  504, 505, 511, 299, 599, 699, 999,
];

const METHODS = [
  ...['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'MKCOL', 'SEARCH', 'PURGE'],
  ...['REPORT', 'LINK', 'M-SEARCH', 'TRACE', 'QUERY'],
];

const BROKEN: readonly (readonly [string, string])[] = [
  ['no version', 'GET /\r\n\r\n'],
  ['nonsense', 'hello\r\n\r\n'],
  ['another version', 'GET / HTTP/3.7\r\nHost: test\r\n\r\n'],
  ['an unknown method', 'FETCH / HTTP/1.1\r\nHost: test\r\n\r\n'],
  ['a method in lower case', 'get / HTTP/1.1\r\nHost: test\r\n\r\n'],
  ['no Host', 'GET / HTTP/1.1\r\n\r\n'],
  ['two Hosts', 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'],
  ['a space before the colon', 'GET / HTTP/1.1\r\nHost: test\r\nX-A : 1\r\n\r\n'],
  ['a folded header', 'GET /facts HTTP/1.1\r\nHost: test\r\nX-A: 1\r\n 2\r\n\r\n'],
  ['a name that is none', 'GET / HTTP/1.1\r\nHost: test\r\nX(A): 1\r\n\r\n'],
  ['a header without a colon', 'GET / HTTP/1.1\r\nHost: test\r\nX-A\r\n\r\n'],
  ['a zero byte', 'GET / HTTP/1.1\r\nHost: test\r\nX-A: a\0b\r\n\r\n'],
  ['lines that end by LF', 'GET / HTTP/1.1\nHost: test\n\n'],
  ['a bare CR', 'GET / HTTP/1.1\r\nHost: test\r\nX-A: a\rb\r\n\r\n'],
  ['an absurd length', 'POST /hash HTTP/1.1\r\nHost: test\r\nContent-Length: many\r\n\r\nabc'],
  ['a negative length', 'POST /hash HTTP/1.1\r\nHost: test\r\nContent-Length: -1\r\n\r\n'],
  ['a length with a sign', 'POST /hash HTTP/1.1\r\nHost: test\r\nContent-Length: +3\r\n\r\nabc'],
  [
    'an endless length',
    `POST /hash HTTP/1.1\r\nHost: test\r\nContent-Length: ${'9'.repeat(40)}\r\n\r\n`,
  ],
  [
    'two lengths',
    'POST /hash HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd',
  ],
  [
    'the same length twice',
    'POST /hash HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc',
  ],
  [
    'a length and chunks',
    'POST /hash HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  [
    'chunks and a length',
    'POST /hash HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n',
  ],
  [
    'an encoding that is none',
    'POST /hash HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: cow\r\n\r\n',
  ],
  [
    'chunks that are not last',
    'POST /hash HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n',
  ],
  [
    'chunks twice',
    'POST /hash HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n',
  ],
  [
    'an encoding behind a tab',
    'POST /hash HTTP/1.1\r\nHost: test\r\nTransfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n',
  ],
  [
    'a chunk of no size',
    'POST /hash HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n',
  ],
  [
    'a chunk longer than said',
    'POST /hash HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n',
  ],
  [
    'a chunk with LF',
    'POST /hash HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n',
  ],
  ['a head that is too long', `GET / HTTP/1.1\r\nHost: test\r\nX-A: ${'a'.repeat(17_000)}\r\n\r\n`],
  ['a target that is too long', `GET /${'a'.repeat(17_000)} HTTP/1.1\r\nHost: test\r\n\r\n`],
  [
    'bytes behind Connection: close',
    'GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\nGET /x HTTP/1.1\r\nHost: test\r\n\r\n',
  ],
  ['a request behind one that is broken', 'GARBAGE\r\n\r\nGET / HTTP/1.1\r\nHost: test\r\n\r\n'],
  ['empty lines before it', '\r\n\r\nGET /facts HTTP/1.1\r\nHost: test\r\n\r\n'],
  ['a folded first header', 'GET /facts HTTP/1.1\r\n Host: test\r\n\r\n'],
  ['a tab in front of a name', 'GET /facts HTTP/1.1\r\nHost: test\r\n\tX-A: 1\r\n\r\n'],
  ['no name', 'GET /facts HTTP/1.1\r\nHost: test\r\n: 1\r\n\r\n'],
  ['a name beyond ASCII', 'GET /facts HTTP/1.1\r\nHost: test\r\nX-caf\xe9: 1\r\n\r\n'],
  ['two spaces before the version', 'GET /facts  HTTP/1.1\r\nHost: test\r\n\r\n'],
  ['a space in the target', 'GET /facts now HTTP/1.1\r\nHost: test\r\n\r\n'],
  ['a tab in the target', 'GET /fac\tts HTTP/1.1\r\nHost: test\r\n\r\n'],
  ['no target', 'GET HTTP/1.1\r\nHost: test\r\n\r\n'],
  ['a version in lower case', 'GET / http/1.1\r\nHost: test\r\n\r\n'],
  ['HTTP/1.2', 'GET /facts HTTP/1.2\r\nHost: test\r\n\r\n'],
  ['HTTP/2.0', 'GET /facts HTTP/2.0\r\nHost: test\r\n\r\n'],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['CONNECT, for which nobody listens', 'CONNECT other:443 HTTP/1.1\r\nHost: other:443\r\n\r\n'],
  ['an empty length', 'POST /hash HTTP/1.1\r\nHost: test\r\nContent-Length:\r\n\r\n'],
  ['a list of lengths', 'POST /hash HTTP/1.1\r\nHost: test\r\nContent-Length: 3, 3\r\n\r\nabc'],
  ['a length in hex', 'POST /hash HTTP/1.1\r\nHost: test\r\nContent-Length: 0x3\r\n\r\nabc'],
  [
    'an encoding and an empty one',
    'POST /hash HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: \r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  [
    'an encoding that is not to be',
    'POST /hash HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: identity\r\n\r\n',
  ],
  [
    'chunks in HTTP/1.0',
    'POST /hash HTTP/1.0\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
  ],
  ...[
    ['of an absurd size', 'ffffffffffffffffff\r\nabc\r\n0\r\n\r\n'],
    ['of a negative size', '-3\r\nabc\r\n0\r\n\r\n'],
    ['with a space behind its size', '3 \r\nabc\r\n0\r\n\r\n'],
    ['with 0x before its size', '0x3\r\nabc\r\n0\r\n\r\n'],
    ['that ends by LF', '3\r\nabc\n0\r\n\r\n'],
    ['without an end', '3\r\nabcX0\r\n\r\n'],
    ['with an endless extension', `3;a=${'b'.repeat(20_000)}\r\nabc\r\n0\r\n\r\n`],
    ['with LF in its extension', '3;a\nb\r\nabc\r\n0\r\n\r\n'],
    ['behind which a trailer is broken', '3\r\nabc\r\n0\r\nX A: 1\r\n\r\n'],
    ['behind which a trailer is too long', `0\r\nX-A: ${'a'.repeat(17_000)}\r\n\r\n`],
  ].map(([name = '', body = '']): readonly [string, string] => [
    `a chunk ${name}`,
    `POST /hash HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n${body}`,
  ]),
  ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
];

/** By hand: one for each thing that HTTP, or a program, may do. */
export const TABLE: readonly Question[] = [
  ...ROUTES.map((target) => ask(target)),
  ...ROUTES.map((target) => request('HEAD', target)),
  ...ROUTES.map((target) => ask(target, 'Connection: close')),
  ...ROUTES.map((target) =>
    raw(`GET ${target} in HTTP/1.0`, ['GET'], bytesOf('GET', target, [], undefined, '1.0')),
  ),
  ...ROUTES.map((target) =>
    raw(
      `GET ${target} in HTTP/1.0, kept`,
      ['GET'],
      bytesOf('GET', target, [HOST, 'Connection: keep-alive'], undefined, '1.0'),
    ),
  ),
  ...CODES.map((code) => ask(`/status?code=${code}&body=some`)),
  ...CODES.map((code) => request('HEAD', `/status?code=${code}&body=some`)),
  ...CODES.map((code) => ask(`/status-writes?code=${code}`)),
  ask('/status?code=200&message=Very%20well&body=x'),
  ask('/status?code=404&message=caf%C3%A9&body=x'),
  ask('/status?code=500&message=&body=x'),
  ...METHODS.map((method) => request(method, '/facts', ['X-Method: 1'])),
  ...METHODS.map((method) => request(method, '/facts', [], 'some body')),
  request('POST', '/hash', [], ''),
  request('POST', '/hash', [], 'a'.repeat(100)),
  request('POST', '/hash', [], 'a'.repeat(65_536)),
  request('POST', '/hash', [], 'b'.repeat(262_144)),
  request('POST', '/hash', [], 'b'.repeat(262_145)),
  request('POST', '/hash', [], 'c'.repeat(3_000_000)),
  request('POST', '/echo', ['Content-Type: text/plain'], 'echo'),
  request('POST', '/echo', [], 'd'.repeat(1_500_000)),
  request('PUT', '/hash', [], '\0\xff\r\n\r\n'),
  request('GET', '/hash', [], 'a body with GET'),
  request('DELETE', '/hash', [], 'a body with DELETE'),
  request('POST', '/', [], 'nobody reads this'),
  request('POST', '/', [], 'e'.repeat(200_000)),
  request('POST', '/early', [], 'f'.repeat(40_000)),
  chunked('/hash', []),
  chunked('/hash', ['one']),
  chunked('/hash', ['one', 'two', 'three']),
  chunked(
    '/hash',
    Array.from({ length: 300 }, (_, i) => `${i}`),
  ),
  chunked('/hash', ['g'.repeat(500_000), 'h', 'i'.repeat(70_000)]),
  chunked('/echo', ['j'.repeat(300_000), 'k'.repeat(300_000)]),
  chunked('/facts', ['one'], ['X-Trailer: 1', 'x-second: caf\xe9']),
  chunked('/facts', [], ['X-Trailer: 1'], ['Trailer: X-Trailer', 'TE: trailers']),
  chunked('/', ['nobody', 'reads', 'this']),
  raw(
    'chunks with extensions',
    ['POST'],
    `${bytesOf('POST', '/hash', [HOST, 'Transfer-Encoding: chunked'])}3;a=b\r\nabc\r\n0;c\r\n\r\n`,
  ),
  raw(
    'a body in pieces',
    ['POST'],
    bytesOf('POST', '/hash', [HOST, 'Content-Length: 9']),
    'abc',
    'def',
    'ghi',
  ),
  raw(
    '100-continue',
    ['POST'],
    bytesOf('POST', '/hash', [HOST, 'Content-Length: 4', 'Expect: 100-continue']),
    { until: '100 Continue\r\n\r\n' },
    'body',
  ),
  raw(
    '100-continue, chunked',
    ['POST'],
    bytesOf('POST', '/hash', [HOST, 'Transfer-Encoding: chunked', 'expect: 100-Continue']),
    { until: '100 Continue\r\n\r\n' },
    '4\r\nbody\r\n0\r\n\r\n',
  ),
  raw(
    '100-continue that is not waited for',
    ['POST'],
    `${bytesOf('POST', '/hash', [HOST, 'Content-Length: 4', 'Expect: 100-continue'])}body`,
  ),
  raw(
    '100-continue and refused',
    ['POST'],
    bytesOf('POST', '/hash', [HOST, 'Expect: 100-continue', 'X-Refuse: 1', 'Content-Length: 0']),
  ),
  request('POST', '/hash', ['Expect: 200-maybe'], 'body'),
  request('GET', '/', ['Expect: 100-continue']),
  request('POST', '/continue', [], 'told to go on anyway'),
  raw(
    '100-continue to one who answers without it',
    ['POST'],
    bytesOf('POST', '/early', [HOST, 'Content-Length: 4', 'Expect: 100-continue']),
    { until: 'too much' },
    'body',
  ),
  raw(
    '100-continue and refused, with a body on its way',
    ['POST'],
    `${bytesOf('POST', '/hash', [HOST, 'Expect: 100-continue', 'X-Refuse: 1', 'Content-Length: 4'])}body`,
  ),
  raw(
    '100-continue in HTTP/1.0',
    ['POST'],
    `${bytesOf('POST', '/hash', [HOST, 'Expect: 100-continue', 'Content-Length: 4'], undefined, '1.0')}body`,
  ),
  request('POST', '/hash', ['Expect: 200-maybe', 'Connection: close'], 'body'),
  request('POST', '/hash', ['Expect:'], 'body'),
  ...['/early-reads-on', '/early-then-more', '/early-close', '/nothing'].flatMap((target) => [
    request('POST', target, [], 'short'),
    request('POST', target, [], 'm'.repeat(300_000)),
    chunked(target, ['n'.repeat(300_000), 'o']),
    pipelined(`behind ${target}`, request('POST', target, [], 'p'.repeat(2000)), ask('/')),
  ]),
  ...['/pipeline', '/iterate', '/web-streams'].flatMap((target) => [
    request('POST', target, [], 'q'.repeat(300_000)),
    chunked(target, ['r', 's'.repeat(100_000)], ['X-Trailer: 1']),
  ]),
  raw(
    'POST in HTTP/1.0',
    ['POST'],
    bytesOf('POST', '/hash', ['Content-Length: 3'], undefined, '1.0').concat('abc'),
  ),
  raw(
    'two in HTTP/1.0 on one connection',
    ['GET', 'GET'],
    bytesOf('GET', '/facts', ['Connection: keep-alive'], undefined, '1.0'),
    bytesOf('GET', '/writes', ['Connection: keep-alive'], undefined, '1.0'),
  ),
  chunked('/hash', ['0'.repeat(10)], ['Content-Length: 3', 'Host: other', 'Set-Cookie: a=1']),
  raw(
    'chunks whose sizes have zeros in front and capitals',
    ['POST'],
    `${bytesOf('POST', '/hash', [HOST, 'Transfer-Encoding: chunked'])}000A\r\n0123456789\r\n000\r\n\r\n`,
  ),
  raw(
    'chunks with quoted extensions',
    ['POST'],
    `${bytesOf('POST', '/hash', [HOST, 'Transfer-Encoding: Chunked'])}3;a="b;c";d\r\nabc\r\n0\r\n\r\n`,
  ),
  raw(
    'a head in pieces',
    ['GET'],
    'GET /fa',
    'cts HT',
    'TP/1.1\r',
    '\nHost: te',
    'st\r\nX-A:',
    ' 1\r\n\r',
    '\n',
  ),
  raw(
    'a length with zeros in front',
    ['POST'],
    `${bytesOf('POST', '/hash', [HOST, 'Content-Length: 0003'])}abc`,
  ),
  ask('/facts', 'Content-Length: 0'),
  ask('/facts', 'Connection: upgrade'),
  ask('/facts', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'),
  ask('/facts', 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk'),
  request('POST', '/facts', ['Connection: Upgrade', 'Upgrade: TLS/1.0'], 'body'),
  ask('/facts', 'Connection: close, keep-alive'),
  ask('/facts', 'Connection: keep-alive', 'Connection: close'),
  ask('/facts', 'X-Empty:', 'X-Empty:', 'Accept:', 'Cookie:'),
  ask('/facts', 'Set-Cookie: a=1', 'Set-Cookie: b=2', 'Age: 1', 'Age: 2', 'ETag: a', 'ETag: b'),
  ask('/facts', '__proto__: 1', 'constructor: 2', 'toString: 3'),
  ask('/facts', ...Array.from({ length: 1990 }, () => 'a:b')),
  ask('/facts', ...Array.from({ length: 2100 }, () => 'a:b')),
  ask(`/facts?${'x'.repeat(15_000)}`),
  ask(`/${'y/'.repeat(7000)}`),
  raw('an empty Host', ['GET'], 'GET /facts HTTP/1.1\r\nHost:\r\n\r\n'),
  raw('a Host that is none', ['GET'], 'GET /facts HTTP/1.1\r\nHost: a b/c\r\n\r\n'),
  request('OPTIONS', 'http://elsewhere.test'),
  request('GET', '*'),
  ask('https://elsewhere.test:8443/facts'),
  ask('//elsewhere.test/facts'),
  ask('/facts?a=1?b=2&&=&c'),
  ask('/facts\x7f'),
  ask('http://elsewhere.test/facts?x=1'),
  ask('http://elsewhere.test'),
  request('OPTIONS', '*'),
  ask('/facts?%zz=%'),
  ask('/facts?a=%00%ff'),
  ask('/facts#fragment'),
  ask('/facts?x=[1]{2}|^'),
  ask('/facts?x=caf\xe9'),
  ask('facts'),
  ask('/facts', 'x-lower: 1', 'X-UPPER: 2', 'X-MiXeD: 3'),
  ask('/facts', 'X-A: 1', 'X-B: 2', 'X-A: 3', 'x-a: 4'),
  ask('/facts', 'Cookie: a=1', 'Cookie: b=2', 'Accept: a', 'Accept: b'),
  ask('/facts', 'User-Agent: one', 'User-Agent: two', 'Referer: x', 'Authorization: Basic eA=='),
  ask('/facts', 'X-Latin: caf\xe9\xff', 'X-Empty:', 'X-Spaces:   a  b  ', 'X-Tab: a\tb'),
  ask('/facts', 'X-Forwarded-For: 1.2.3.4', 'X-Forwarded-Proto: https', 'Forwarded: for=1.2.3.4'),
  ask(
    '/facts',
    'X-Request-Id: mine',
    'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  ),
  ask(
    '/facts',
    'Connection: keep-alive, X-Hop',
    'X-Hop: 1',
    'Keep-Alive: timeout=9',
    'TE: trailers',
  ),
  ask('/facts', 'Proxy-Connection: keep-alive', 'Proxy-Authorization: x', 'Via: 1.1 somewhere'),
  ask('/facts', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA'),
  ask(
    '/facts',
    'If-None-Match: "x"',
    'If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT',
    'Range: bytes=0-3',
  ),
  ask('/facts', ...Array.from({ length: 90 }, (_, i) => `X-Many-${i}: ${i}`)),
  ask('/facts', `X-Long: ${'l'.repeat(8000)}`),
  ask('/facts', 'Connection: Close'),
  ask('/facts', 'connection: KEEP-ALIVE'),
  pipelined('three', ask('/'), ask('/json'), ask('/writes')),
  pipelined('slow before quick', ask('/slow?ms=60'), ask('/'), ask('/json')),
  pipelined('bodies', request('POST', '/hash', [], 'one'), chunked('/hash', ['two']), ask('/')),
  pipelined('a HEAD between', ask('/'), request('HEAD', '/large'), ask('/json')),
  pipelined('unread bodies', request('POST', '/', [], 'x'.repeat(5000)), ask('/'), ask('/')),
  pipelined('thirty', ...Array.from({ length: 30 }, (_, i) => ask(`/facts?i=${i}`))),
  pipelined('large ones', ask('/large'), ask('/large-stream'), ask('/large?n=300000')),
  pipelined('broken by the application', ask('/'), ask('/throws-after-head')),
  pipelined('hints', ask('/hints'), ask('/hints-twice'), ask('/hints-then-none'), ask('/')),
  pipelined('trailers', ask('/trailers'), chunked('/facts', ['a'], ['X-T: 1']), ask('/')),
  pipelined('bodyless', ask('/bodyless?code=304'), request('HEAD', '/bodyless?code=200'), ask('/')),
  pipelined('no bodies', ask('/status?code=204'), ask('/status?code=304'), ask('/')),
  {
    ...pipelined('the second closes', ask('/'), ask('/close'), ask('/json')),
    methods: ['GET', 'GET'],
  },
  {
    ...pipelined('the second asks to close', ask('/'), ask('/', 'Connection: close'), ask('/')),
    methods: ['GET', 'GET'],
  },
  {
    ...pipelined('the second is destroyed', ask('/'), ask('/destroy'), ask('/')),
    methods: ['GET', 'GET'],
  },
  {
    ...pipelined('the second is broken', ask('/'), raw('', ['GET'], 'BROKEN\r\n\r\n')),
    methods: ['GET', 'GET'],
  },
  ...BROKEN.map(([name, bytes]) => raw(`broken: ${name}`, ['GET'], bytes)),
];

/** What the application is told to do by `/plan`. */
interface Plan {
  readonly status: number;
  readonly message: string | undefined;
  readonly headers: readonly (readonly [string, string])[];
  readonly style: 'set' | 'list' | 'object';
  readonly pieces: readonly string[];
  readonly endsWithPiece: boolean;
  readonly flush: boolean;
  readonly turns: boolean;
  readonly awaitsBody: boolean;
}

const headerName = fc.constantFrom(
  ...['X-A', 'x-b', 'X-C-C', 'Content-Type', 'Cache-Control', 'ETag', 'Location', 'Vary', 'Link'],
  ...['Set-Cookie', 'Last-Modified', 'Age', 'Via', 'WWW-Authenticate', 'Content-Language'],
);
const headerValue = fc.string({
  unit: fc.constantFrom(...'abcXYZ019 ,;="/-.*é\xff'.split('')),
  maxLength: 20,
});
const piece = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.string({ unit: fc.constantFrom(...'abc \n0é'.split('')), maxLength: 40 }),
  },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 2000 }).map((n) => 'p'.repeat(n)) },
);
const plan: fc.Arbitrary<Plan> = fc.record({
  status: fc.constantFrom(200, 200, 200, 201, 204, 206, 301, 304, 400, 404, 500, 503),
  message: fc.option(fc.constantFrom('Fine', 'Not so fine', 'OK'), { nil: undefined, freq: 5 }),
  headers: fc.array(
    fc.tuple(
      headerName,
      headerValue.map((value) => value.trim()),
    ),
    { maxLength: 5 },
  ),
  style: fc.constantFrom('set', 'set', 'list', 'object'),
  pieces: fc.array(piece, { maxLength: 4 }),
  endsWithPiece: fc.boolean(),
  flush: fc.boolean(),
  turns: fc.boolean(),
  awaitsBody: fc.boolean(),
});

const made = fc
  .record({
    plan,
    method: fc.constantFrom('GET', 'GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'),
    version: fc.constantFrom('1.1', '1.1', '1.1', '1.0'),
    connection: fc.constantFrom(undefined, undefined, 'keep-alive', 'close', 'Keep-Alive, Foo'),
    body: fc.option(fc.array(piece, { minLength: 1, maxLength: 4 }), { nil: undefined, freq: 2 }),
    isChunked: fc.boolean(),
    headers: fc.array(
      fc.tuple(
        headerName,
        headerValue.map((value) => value.trim()),
      ),
      { maxLength: 4 },
    ),
  })
  .map((parts): Question => {
    const { method, version, connection, body, isChunked, headers } = parts;
    const target = `/plan?p=${encodeURIComponent(JSON.stringify(parts.plan))}`;
    const lines = [HOST, ...headers.map(([name, value]) => `${name}: ${value}`)];
    if (connection !== undefined) lines.push(`Connection: ${connection}`);
    const hasBody = body !== undefined && method !== 'HEAD';
    if (hasBody && isChunked && version === '1.1') {
      const { steps } = chunked(
        target,
        body.filter((part) => part !== ''),
      );
      const [, ...rest] = String(steps[0]).split(HOST);
      const bytes = `${method} ${target} HTTP/1.1\r\n${lines.join('\r\n')}${rest.join(HOST)}`;
      return raw(bytes.slice(0, 400), [method], bytes);
    }
    const bytes = bytesOf(method, target, lines, hasBody ? body.join('') : undefined, version);
    return raw(bytes.slice(0, 400), [method], bytes);
  });

const SEED = 20_250_607;

/** Made up: what nobody thought of. The same ones each time. */
export function sample(count: number): readonly Question[] {
  const one = fc.sample(made, { numRuns: count, seed: SEED });
  const few = fc.sample(fc.array(made, { minLength: 2, maxLength: 6 }), {
    numRuns: count / 5,
    seed: SEED,
  });
  const followed = few.map((questions) =>
    pipelined(`${questions.length} made up`, ...questions.filter(isKept), ask('/')),
  );
  return [...one, ...followed];
}

/** Whether something may follow on the same connection. */
function isKept({ steps }: Question): boolean {
  const [bytes = ''] = steps;
  return /HTTP\/1\.1\r\n/.test(String(bytes)) && !/\r\nConnection: close/.test(String(bytes));
}

const TARGETS = [
  ...['/', '/html', '/json', '/items/7', '/items/7?a=1&b=x%20y&b=z', '/cookies', '/redirect'],
  ...['/empty', '/stream', '/file', '/download', '/throws', '/later', '/missing', '/json?x=%zz'],
  ...[
    '/static/content.txt',
    '/static/',
    '/static/../secret',
    '/%2e%2e/x',
    '//json',
    '/JSON',
    '/json/',
  ],
];
const JSON_TYPE = 'Content-Type: application/json';

/** What every framework is asked: it need not know each of these, and then says so in its own way. */
export const WEB: readonly Question[] = [
  ...TARGETS.map((target) => ask(target)),
  ...TARGETS.map((target) => request('HEAD', target)),
  ...TARGETS.map((target) => request('OPTIONS', target)),
  ...TARGETS.map((target) => ask(target, 'Connection: close')),
  ...TARGETS.map((target) =>
    raw(`GET ${target} in HTTP/1.0`, ['GET'], bytesOf('GET', target, [HOST], undefined, '1.0')),
  ),
  ask('/json', 'Accept: text/html', 'Accept-Language: de', 'Accept-Encoding: gzip, br'),
  ask('/items/7', 'X-Forwarded-For: 1.2.3.4', 'X-Forwarded-Proto: https', 'Host-Not: x'),
  ask('/file', 'Range: bytes=2-9'),
  ask('/file', 'Range: bytes=900-'),
  ask('/file', 'If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT'),
  ask('/json', 'If-None-Match: *'),
  ...['/file', '/static/content.txt'].flatMap((target) => [
    ask(target, 'Range: bytes=0-0'),
    ask(target, 'Range: bytes=-5'),
    ask(target, 'Range: bytes=3-'),
    ask(target, 'Range: bytes=5-2'),
    ask(target, 'Range: bytes=0-1,4-5'),
    ask(target, 'Range: lines=0-1'),
    ask(target, 'Range: bytes=0-3', 'If-Range: "other"'),
    ask(target, 'Range: bytes=0-3', 'If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT'),
    ask(target, 'If-None-Match: "other"'),
    request('HEAD', target, ['Range: bytes=0-3']),
  ]),
  ...['gzip', 'deflate', 'br', 'gzip;q=0', '*', 'identity', 'gzip, br'].flatMap((coding) => [
    ask('/compressed', `Accept-Encoding: ${coding}`),
    request('HEAD', '/compressed', [`Accept-Encoding: ${coding}`]),
    ask('/compressed/stream', `Accept-Encoding: ${coding}`),
  ]),
  ask('/json', 'If-None-Match: W/"34-0"'),
  request('DELETE', '/json'),
  request('PUT', '/json', [], 'x'),
  request('POST', '/items', [JSON_TYPE], '{"a":[1,2,{"b":"c"}]}'),
  request('POST', '/items', [JSON_TYPE], '{"text":"gr\xc3\xbcn"}'),
  request('POST', '/items', [JSON_TYPE], '{broken'),
  request('POST', '/items', [JSON_TYPE], ''),
  request('POST', '/items', [JSON_TYPE], `{"long":"${'l'.repeat(90_000)}"}`),
  request('POST', '/items', [JSON_TYPE], `{"tooLong":"${'l'.repeat(3_000_000)}"}`),
  request('POST', '/items', ['Content-Type: application/json; charset=utf-16'], '{}'),
  request(
    'POST',
    '/form',
    ['Content-Type: application/x-www-form-urlencoded'],
    'a=1&b=x+y&b=%C3%BC',
  ),
  request('POST', '/text', ['Content-Type: text/plain'], 'some text'),
  request('PUT', '/raw', ['Content-Type: application/octet-stream'], '\0\xff'.repeat(400_000)),
  request('PUT', '/raw', [], 'nothing said of it'),
  chunked('/items', ['{"in"', ':', '"chunks"}'], [], [JSON_TYPE]),
  chunked(
    '/text',
    ['a'.repeat(70_000), 'b'.repeat(20_000)],
    ['X-Trailer: 1'],
    ['Content-Type: text/plain'],
  ),
  raw(
    '100-continue to a framework',
    ['POST'],
    bytesOf('POST', '/items', [HOST, JSON_TYPE, 'Content-Length: 2', 'Expect: 100-continue']),
    { until: '100 Continue\r\n\r\n' },
    '{}',
  ),
  pipelined('a framework', ask('/'), ask('/json'), ask('/stream'), ask('/missing'), ask('/')),
  pipelined(
    'bodies to a framework',
    request('POST', '/items', [JSON_TYPE], '{"a":1}'),
    ask('/'),
    request('POST', '/items', [JSON_TYPE], '[2]'),
  ),
  raw('broken to a framework', ['GET'], 'GET / HTTP/1.1\r\nHost : x\r\n\r\n'),
];
