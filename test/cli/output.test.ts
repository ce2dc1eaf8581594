import { describe, expect, it } from 'vitest';
import {
  describeCall,
  describeFetch,
  describeServer,
  formatReply,
  Output,
  type OutputStream,
} from '../../packages/cli/src/output.ts';

describe('a reply', () => {
  it('is one line of JSON', () => {
    expect(formatReply({ text: 'a\nb', list: [1, null, true] })).toBe(
      '{"text":"a\\nb","list":[1,null,true]}',
    );
  });

  it('shows bytes as base64, at any depth', () => {
    expect(formatReply(Buffer.from('hello'))).toBe('"aGVsbG8="');
    expect(formatReply({ a: [new Uint8Array([1, 2, 3])] })).toBe('{"a":["AQID"]}');
  });

  it('shows integers beyond 2^53 as text, with every digit', () => {
    expect(formatReply({ id: 18_446_744_073_709_551_615n })).toBe('{"id":"18446744073709551615"}');
  });

  it('shows dates as ISO 8601 and no value as null', () => {
    expect(formatReply(new Date(0))).toBe('"1970-01-01T00:00:00.000Z"');
    expect(formatReply(undefined)).toBe('null');
  });
});

describe('the way to call a server', () => {
  it('is a command line for this machine, also when the server listens on every address', () => {
    expect(describeCall('tcp://0.0.0.0:5555', 'msgpack')).toBe(
      `zscale call tcp://127.0.0.1:5555 '{"name":"you"}'`,
    );
    expect(describeCall('tcp://[::]:5555', 'msgpack')).toContain(`'tcp://[::1]:5555'`);
  });

  it('names the codec unless it is the default', () => {
    expect(describeCall('tcp://127.0.0.1:1', 'json')).toMatch(/ '{"name":"you"}' --codec json$/);
    expect(describeCall('tcp://127.0.0.1:1', 'raw')).toMatch(/ hello --codec raw$/);
  });

  it('is quoted for the shell where that is needed', () => {
    expect(describeCall('ipc:///run/app.sock', 'raw')).toContain(' ipc:///run/app.sock hello');
    expect(describeCall("ipc:///tmp/it's here", 'raw')).toContain(`'ipc:///tmp/it'\\''s here'`);
  });
});

describe('the way to ask a server of HTTP', () => {
  it('is a command line of curl for this machine', () => {
    expect(describeFetch('http://[::]:3000', '')).toBe('curl http://localhost:3000');
    expect(describeFetch('https://0.0.0.0:3000', '')).toBe('curl -k https://localhost:3000');
    expect(describeFetch('http://127.0.0.1:80', '{"a":1}')).toBe(
      `curl -d '{"a":1}' http://127.0.0.1:80`,
    );
    expect(describeFetch('unix:/run/app.sock', '')).toBe(
      'curl --unix-socket /run/app.sock http://localhost/',
    );
  });
});

it('the notice of a ready server has every endpoint, and the workers with their reason', () => {
  const notice = describeServer({
    entry: 'server.ts',
    codec: 'json',
    speaksHttp: false,
    endpoints: ['tcp://127.0.0.1:5555', 'ipc:///run/app.sock'],
    backendEndpoints: ['tcp://0.0.0.0:5556'],
    workerCountReason: '3 workers: as asked for',
  });
  expect(notice).toBe(`
zscale runs server.ts

  clients   tcp://127.0.0.1:5555
  clients   ipc:///run/app.sock
  back end  tcp://0.0.0.0:5556  (for REP workers in any language)
  running   3 workers: as asked for
  codec     json
  try it    zscale call tcp://127.0.0.1:5555 '{"name":"you"}' --codec json
  stop it   Ctrl-C

`);
});

it('data goes to stdout, complaints to stderr', () => {
  const written: [string, string | Uint8Array][] = [];
  const stream = (name: string): OutputStream => ({ write: (data) => written.push([name, data]) });
  const output = new Output(stream('out'), stream('err'));
  output.print('a line');
  output.print('an ended line\n');
  output.write(Buffer.of(0, 255));
  output.complain('a fault');
  expect(written).toEqual([
    ['out', 'a line\n'],
    ['out', 'an ended line\n'],
    ['out', Buffer.of(0, 255)],
    ['err', 'a fault\n'],
  ]);
});

it('texts have their control characters shown, data and what is made for lines and columns stay', () => {
  const written: (string | Uint8Array)[] = [];
  const stream: OutputStream = { write: (data) => written.push(data) };
  const output = new Output(stream, stream);
  output.print('a\tb\n\u001b]0;pwned\u0007\u001b[2J\r\u007f\u009b31mé');
  output.complain('\u001b[8mhidden');
  output.print(JSON.stringify({ c1: '\u009b' }));
  output.write('\u001b[0m');
  expect(written).toEqual([
    'a\tb\n\\u001b]0;pwned\\u0007\\u001b[2J\\u000d\\u007f\\u009b31mé\n',
    '\\u001b[8mhidden\n',
    '{"c1":"\\u009b"}\n',
    '\u001b[0m',
  ]);
});
