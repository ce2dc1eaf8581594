import type { RequestListener } from 'node:http';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { askBoth, type Program, type Question } from '../../support/http-oracle.ts';

type Case = [title: string, program: Program, question?: Question];

/** A program that notes nothing. */
const plain =
  (listener: RequestListener): Program =>
  () =>
    listener;

const echo: RequestListener = (req, res) => {
  res.writeHead(200, { 'Content-Type': 'text/plain' });
  req.pipe(res);
};

const CASES: Case[] = [
  ['end() with a text', plain((_req, res) => void res.end('hello'))],
  ['end() without anything', plain((_req, res) => void res.end())],
  ['end() with bytes', plain((_req, res) => void res.end(Buffer.from([0, 255, 128, 10])))],
  ['end() with a Uint8Array', plain((_req, res) => void res.end(new Uint8Array([1, 2, 3])))],
  ['end() in latin1', plain((_req, res) => void res.end('caf\xe9', 'latin1'))],
  ['end() in hex', plain((_req, res) => void res.end('00ff', 'hex'))],
  [
    'write() and end()',
    plain((_req, res) => {
      res.write('a');
      res.end('b');
    }),
  ],
  [
    'write() in several turns',
    plain((_req, res) => {
      res.write('a');
      setImmediate(() => {
        res.write('b');
        setImmediate(() => res.end('c'));
      });
    }),
  ],
  ['writeHead() and end()', plain((_req, res) => void res.writeHead(200).end('x'))],
  [
    'writeHead() with a reason',
    plain((_req, res) => void res.writeHead(299, 'Quite well', { 'X-A': '1' }).end()),
  ],
  [
    'writeHead() with a list',
    plain(
      (_req, res) =>
        void res.writeHead(201, ['X-A', '1', 'x-a', '2', 'Content-Length', '2']).end('ok'),
    ),
  ],
  [
    'writeHead() with a list after setHeader()',
    plain(
      (_req, res) =>
        void res.setHeader('X-A', '0').writeHead(201, ['X-B', '1', 'X-C', '2']).end('ok'),
    ),
  ],
  [
    'writeHead() over setHeader()',
    plain(
      (_req, res) =>
        void res
          .setHeader('X-A', '0')
          .writeHead(200, { 'x-a': '1', 'X-B': ['1', '2'] })
          .end('ok'),
    ),
  ],
  [
    'a content length of the program',
    plain((_req, res) => {
      res.setHeader('Content-Length', 4);
      res.write('ab');
      res.end('cd');
    }),
  ],
  [
    'several cookies',
    plain((_req, res) => {
      res.setHeader('Set-Cookie', ['a=1', 'b=2']);
      res.appendHeader('Set-Cookie', 'c=3');
      res.end();
    }),
  ],
  [
    'appendHeader()',
    plain((_req, res) => {
      res.appendHeader('X-A', '1');
      res.appendHeader('X-A', ['2', '3']);
      res.end();
    }),
  ],
  [
    'removeHeader()',
    plain((_req, res) => {
      res.setHeader('X-A', '1');
      res.removeHeader('X-A');
      res.removeHeader('Date');
      res.end('x');
    }),
  ],
  [
    'sendDate = false',
    plain((_req, res) => {
      res.sendDate = false;
      res.end('x');
    }),
  ],
  [
    'a Date of its own',
    plain((_req, res) => {
      res.setHeader('Date', 'today');
      res.end('x');
    }),
  ],
  [
    'Connection: close',
    plain((_req, res) => {
      res.setHeader('Connection', 'close');
      res.end('x');
    }),
  ],
  [
    'shouldKeepAlive = false',
    plain((_req, res) => {
      res.shouldKeepAlive = false;
      res.end('x');
    }),
  ],
  [
    'statusMessage',
    plain((_req, res) => {
      res.statusCode = 404;
      res.statusMessage = 'Nowhere';
      res.end('x');
    }),
  ],
  [
    'a status that nobody knows',
    plain((_req, res) => {
      res.statusCode = 599;
      res.end('x');
    }),
  ],
  [
    '204',
    plain((_req, res) => {
      res.statusCode = 204;
      res.end('not sent');
    }),
  ],
  [
    '304',
    plain((_req, res) => {
      res.statusCode = 304;
      res.setHeader('ETag', '"1"');
      res.end('not sent');
    }),
  ],
  [
    '304 with writeHead() and write()',
    plain((_req, res) => {
      res.writeHead(304, { 'Content-Length': 5 });
      res.write('not');
      res.end('sent');
    }),
  ],
  ['HEAD', plain((_req, res) => void res.end('not sent')), { method: 'HEAD' }],
  [
    'HEAD with a length',
    plain((_req, res) => {
      res.setHeader('Content-Length', 8);
      res.write('not');
      res.end('sent');
    }),
    { method: 'HEAD' },
  ],
  [
    'HEAD with chunks and trailers',
    plain((_req, res) => {
      res.writeHead(200, { 'Transfer-Encoding': 'chunked', Trailer: 'X-T' });
      res.write('not sent');
      res.addTrailers({ 'X-T': '1' });
      res.end();
    }),
    { method: 'HEAD' },
  ],
  [
    'trailers',
    plain((_req, res) => {
      res.writeHead(200, { Trailer: 'X-T' });
      res.write('body');
      res.addTrailers({ 'X-T': '1', 'X-U': ['a', 'b'] });
      res.end();
    }),
  ],
  [
    'trailers after end() in one',
    plain((_req, res) => {
      res.setHeader('Transfer-Encoding', 'chunked');
      res.addTrailers([['X-T', '1']]);
      res.end('body');
    }),
  ],
  [
    'trailers that cannot be sent',
    plain((_req, res) => {
      res.setHeader('Content-Length', 4);
      res.addTrailers({ 'X-T': '1' });
      res.end('body');
    }),
  ],
  [
    'flushHeaders()',
    plain((_req, res) => {
      res.setHeader('X-A', '1');
      res.flushHeaders();
      setImmediate(() => res.end('later'));
    }),
  ],
  [
    'flushHeaders() and end()',
    plain((_req, res) => {
      res.flushHeaders();
      setImmediate(() => res.end());
    }),
  ],
  [
    'cork()',
    plain((_req, res) => {
      res.cork();
      res.write('a');
      res.write('b');
      setImmediate(() => {
        res.uncork();
        res.end('c');
      });
    }),
  ],
  [
    'writeContinue(), writeProcessing(), writeEarlyHints()',
    plain((_req, res) => {
      res.writeProcessing();
      res.writeEarlyHints({ link: '</a.css>; rel=preload', 'x-a': '1' });
      res.end('x');
    }),
  ],
  [
    'Expect: 100-continue',
    plain(echo),
    { method: 'POST', headers: ['Expect', '100-continue'], body: 'hello' },
  ],
  ['a pipe', plain(echo), { method: 'POST', body: 'some bytes' }],
  [
    'a pipe from chunks',
    plain(echo),
    { method: 'POST', body: 'some bytes', trailers: ['X-T', '1'] },
  ],
  ['a stream that is piped', plain((_req, res) => void Readable.from(['a', 'b', 'c']).pipe(res))],
  ['1 MiB at once', plain((_req, res) => void res.end(Buffer.alloc(1 << 20, 'x')))],
  [
    '1 MiB in pieces, waiting for drain',
    plain((_req, res) => {
      let left = 64;
      const go = (): void => {
        while (left > 0) {
          left -= 1;
          if (!res.write(Buffer.alloc(16_384, left))) {
            res.once('drain', go);
            return;
          }
        }
        res.end();
      };
      go();
    }),
  ],
  [
    'HTTP/1.0',
    plain((_req, res) => {
      res.write('a');
      res.end('b');
    }),
    { httpVersion: '1.0' },
  ],
  [
    'HTTP/1.0 that is kept',
    plain((_req, res) => void res.end('b')),
    { httpVersion: '1.0', headers: ['Connection', 'keep-alive'] },
  ],
  [
    'Connection: close of the client',
    plain((_req, res) => void res.end('b')),
    { headers: ['Connection', 'close'] },
  ],
  [
    'a header beyond ASCII and a text',
    plain((_req, res) => {
      res.setHeader('X-A', 'caf\xe9');
      res.end('text');
    }),
  ],
  [
    'a header beyond ASCII and bytes',
    plain((_req, res) => {
      res.setHeader('X-A', 'caf\xe9');
      res.end(Buffer.from('bytes'));
    }),
  ],
  [
    'a header beyond ASCII and nothing',
    plain((_req, res) => {
      res.setHeader('X-A', 'caf\xe9');
      res.end();
    }),
  ],
  [
    'Content-Disposition beyond ASCII',
    plain((_req, res) => {
      res.setHeader('Content-Disposition', 'inline; filename="\xe9"');
      res.setHeader('Content-Length', 2);
      res.end('ok');
    }),
  ],
  [
    'strictContentLength',
    (note) => (_req, res) => {
      res.strictContentLength = true;
      res.writeHead(200, { 'Content-Length': 2 });
      try {
        res.write('abc');
      } catch (error) {
        note(String(error));
      }
      res.end('ab');
    },
  ],
  [
    'write after end',
    (note) => (_req, res) => {
      res.on('error', (error) => note(String(error)));
      res.end('a');
      res.write('b', (error) => note(String(error)));
    },
  ],
  [
    'setHeader after the head',
    (note) => (_req, res) => {
      res.write('a');
      for (const act of [
        () => res.setHeader('a', 'b'),
        () => res.writeHead(200),
        () => res.removeHeader('a'),
        () => res.appendHeader('a', 'b'),
      ]) {
        try {
          act();
        } catch (error) {
          note(String(error));
        }
      }
      res.end();
    },
  ],
  [
    'bad headers',
    (note) => (_req, res) => {
      for (const act of [
        () => res.setHeader('a b', 'b'),
        () => res.setHeader('a', 'b\nc'),
        () => res.writeHead(99),
        () => res.writeHead(200, 'a\nb'),
      ]) {
        try {
          act();
        } catch (error) {
          note(String(error));
        }
      }
      res.statusMessage = '';
      res.end();
    },
  ],
  [
    'what a response says of itself',
    (note) => (_req, res) => {
      const state = () => [
        res.headersSent,
        res.writableEnded,
        res.writableFinished,
        res.finished,
        res.destroyed,
        res.writable,
        res.writableNeedDrain,
        res.getHeaderNames(),
        res.writableHighWaterMark > 0,
      ];
      note(state());
      res.setHeader('X-A', '1');
      note([...state(), res.hasHeader('x-a'), res.getHeader('X-a'), { ...res.getHeaders() }]);
      res.write('a');
      note(state());
      res.on('finish', () => note(['finish', ...state(), res.socket === null]));
      res.on('close', () => note(['close', ...state(), res.socket === null]));
      res.end('b');
      note(state());
    },
  ],
  [
    'callbacks',
    (note) => (_req, res) => {
      res.write('a', () => note('a'));
      res.write('b', 'utf8', () => note('b'));
      res.on('finish', () => note('finish'));
      res.on('prefinish', () => note('prefinish'));
      res.end('c', () => note('end'));
      note('returned');
    },
  ],
  [
    'events of a GET',
    (note) => (req, res) => {
      for (const event of ['end', 'close', 'aborted', 'error'])
        req.on(event, () => note(`req ${event}`));
      for (const event of ['finish', 'close', 'error']) res.on(event, () => note(`res ${event}`));
      note([req.complete, req.aborted, req.readableEnded, req.destroyed]);
      req.resume();
      req.on('end', () => {
        note([req.complete, req.aborted, req.readableEnded]);
        res.end('x');
      });
    },
  ],
  [
    'events of a POST that nobody reads',
    (note) => (req, res) => {
      for (const event of ['end', 'close', 'aborted', 'error'])
        req.on(event, () => note(`req ${event}`));
      for (const event of ['finish', 'close', 'error']) res.on(event, () => note(`res ${event}`));
      res.end('x');
    },
    { method: 'POST', body: 'hello' },
  ],
  [
    'events of a POST that is read later',
    (note) => (req, res) => {
      for (const event of ['end', 'close', 'aborted', 'error'])
        req.on(event, () => note(`req ${event}`));
      for (const event of ['finish', 'close', 'error']) res.on(event, () => note(`res ${event}`));
      setImmediate(async () => {
        let text = '';
        for await (const chunk of req) text += chunk;
        res.end(text);
      });
    },
    { method: 'POST', body: 'hello' },
  ],
  [
    'what a request says of itself',
    (note) => (req, res) => {
      note([
        req.method,
        req.url,
        req.httpVersion,
        req.httpVersionMajor,
        req.httpVersionMinor,
        req.headers,
        req.rawHeaders,
        req.headersDistinct,
        Reflect.get(req, 'upgrade'),
        req.statusCode,
        req.statusMessage,
      ]);
      note([
        req.socket === res.socket,
        res.req === req,
        req.connection === req.socket,
        req.constructor.name,
        res.constructor.name,
      ]);
      req.resume().on('end', () => {
        note([{ ...req.trailers }, req.rawTrailers, req.trailersDistinct]);
        res.end();
      });
    },
    {
      method: 'PUT',
      target: '/a?b=c',
      headers: [
        'X-A',
        '1',
        'x-a',
        '2',
        'Cookie',
        'a',
        'cookie',
        'b',
        'Accept',
        'x',
        'User-Agent',
        '1',
        'User-Agent',
        '2',
        'X-L',
        'caf\xe9',
      ],
      body: 'abc',
      trailers: ['X-T', '1', 'x-t', '2'],
    },
  ],
  [
    'setEncoding and data',
    (note) => (req, res) => {
      req
        .setEncoding('utf8')
        .on('data', (text) => note(text))
        .on('end', () => res.end());
    },
    { method: 'POST', body: 'caf\xc3\xa9' },
  ],
];

describe('a listener that is called without a socket, against node:http alone', () => {
  it.each<[string, Program, Question]>(
    CASES.map(([title, program, question = {}]) => [title, program, question]),
  )('%s', async (_title, program, question) => {
    const { alone, virtual } = await askBoth(program, question);
    expect(virtual).toEqual(alone);
    expect(alone.status).toBeGreaterThan(0);
  });
});
