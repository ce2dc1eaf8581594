import { describe, expect, it } from 'vitest';
import { parseArguments } from '../../packages/cli/src/args.ts';
import { UsageError } from '../../packages/cli/src/failure.ts';
import type { DeviceInvocation } from '../../packages/cli/src/invocation.ts';
import { describeDevice, describeTraffic } from '../../packages/cli/src/output.ts';

const ENDS = ['--frontend', 'tcp://*:5559', '--backend', 'tcp://*:5560'];

function device(...argv: string[]): DeviceInvocation {
  const invocation = parseArguments(['device', ...argv], '1.2.3');
  if (invocation.command !== 'device')
    throw new Error(`expected device; got ${invocation.command}`);
  return invocation;
}

/** The one line with which a command line is refused. */
function refusal(...argv: string[]): string {
  try {
    parseArguments(['device', ...argv], '1.2.3');
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    expect(error.message, 'a refusal is one line').not.toContain('\n');
    return error.message;
  }
  throw new Error(`not refused: zscale device ${argv.join(' ')}`);
}

describe('zscale device', () => {
  it.each([
    ['queue', 'QUEUE'],
    ['forwarder', 'FORWARDER'],
    ['streamer', 'STREAMER'],
  ])('%s is a %s', (typed, kind) => {
    expect(device(typed, ...ENDS).kind).toBe(kind);
  });

  it('passes on only what was given, so that the transport keeps the defaults', () => {
    expect(device('queue', ...ENDS)).toEqual({
      command: 'device',
      kind: 'QUEUE',
      options: { frontend: ['tcp://*:5559'], backend: ['tcp://*:5560'] },
      json: false,
    });
  });

  it('hands every flag to device() under the name of its option', () => {
    const argv =
      '--frontend tcp://*:1 --frontend connect:ipc:///run/a.sock --backend connect:tcp://b:2 ' +
      '--capture tcp://*:3 --capture tcp://*:4 --hwm 7 --graceful-timeout 250ms --json';
    expect(device('streamer', ...argv.split(' '))).toEqual({
      command: 'device',
      kind: 'STREAMER',
      options: {
        frontend: ['tcp://*:1', 'connect:ipc:///run/a.sock'],
        backend: ['connect:tcp://b:2'],
        capture: ['tcp://*:3', 'tcp://*:4'],
        highWaterMark: 7,
        gracefulTimeout: 250,
      },
      json: true,
    });
  });

  it("writes no limit as off, which is ZeroMQ's 0 and -1", () => {
    expect(
      device('queue', ...ENDS, '--hwm', 'off', '--graceful-timeout', 'off').options,
    ).toMatchObject({ highWaterMark: 0, gracefulTimeout: -1 });
    expect(device('queue', ...ENDS, '--graceful-timeout', '0s').options.gracefulTimeout).toBe(0);
  });

  it('is refused without a kind, or with one that does not exist, and says which do', () => {
    expect(refusal()).toBe(
      'the kind of device is missing: queue, forwarder, streamer. See "zscale device --help".',
    );
    expect(refusal('broker', ...ENDS)).toContain('one of queue, forwarder, streamer; got "broker"');
  });

  it('is refused without one of its sides, and says how it is written', () => {
    expect(refusal('queue', '--backend', 'tcp://*:1')).toMatch(/--frontend is missing.*--backend/);
    expect(refusal('queue', '--frontend', 'tcp://*:1')).toMatch(/--backend is missing/);
  });

  it.each([
    ['--frontend', '5559', 'Did you mean tcp://127.0.0.1:5559?'],
    ['--backend', 'connect:5560', 'got "5560". Did you mean tcp://127.0.0.1:5560?'],
    ['--backend', 'connect:http://x', 'The transport "http" is not supported'],
    ['--capture', 'tcp://', '--capture takes an endpoint'],
    ['--hwm', '0', 'a whole number from 1 to 2147483647, or off; got "0"'],
    ['--hwm', '-1', 'got "-1"'],
    ['--hwm', '2147483648', 'got "2147483648"'],
    ['--graceful-timeout', '30', 'Write 30s or 30ms.'],
  ])('refuses %s %s and says what it takes', (flag, value, words) => {
    expect(refusal('queue', ...ENDS, `${flag}=${value}`)).toContain(words);
  });

  it('refuses a flag of run, and names its own help', () => {
    expect(refusal('queue', ...ENDS, '--workers', '2')).toContain('See "zscale device --help".');
  });
});

describe('zscale device --help', () => {
  const invocation = parseArguments(['device', '--help'], '1.2.3');
  const lines = invocation.command === 'print' ? invocation.text.split('\n') : [];

  it('fits a terminal of 80 columns', () => {
    expect(lines.length).toBeGreaterThan(20);
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
  });

  it('has examples that can be typed', () => {
    const examples = lines.filter((line) => line.startsWith('  zscale device '));
    expect(examples.length).toBeGreaterThan(2);
    for (const example of examples) device(...example.trim().split(' ').slice(2));
  });
});

describe('the notice of a device', () => {
  it('says where it listens or connects to, and who belongs there', () => {
    const notice = describeDevice('FORWARDER', {
      frontend: ['connect:tcp://feed:7000'],
      backend: ['tcp://127.0.0.1:7001', 'ipc:///run/out.sock'],
      capture: ['tcp://127.0.0.1:7002'],
    });
    expect(notice).toBe(`
zscale device forwarder

  frontend  connect:tcp://feed:7000  (for publishers: PUB)
  backend   tcp://127.0.0.1:7001     (for subscribers: SUB)
  backend   ipc:///run/out.sock      (for subscribers: SUB)
  capture   tcp://127.0.0.1:7002     (for SUB: sees all that passes)
  stop it   Ctrl-C

`);
  });

  it('at its end says what went through', () => {
    const side = { receivedMessages: 2, receivedBytes: 20, sentMessages: 1, sentBytes: 5 };
    expect(
      describeTraffic({
        frontend: { ...side, dropped: 0 },
        backend: { ...side, sentMessages: 2, dropped: 0 },
      }),
    ).toBe(
      '  frontend  messages received 2 (20 bytes), sent 1 (5 bytes)\n' +
        '  backend   messages received 2 (20 bytes), sent 2 (5 bytes)\n',
    );
  });
});

describe('zscale device with multicast', () => {
  it('takes epgm endpoints, and a rate and recovery interval for its sockets', () => {
    const group = 'epgm://eth0;239.192.1.1:5555';
    const { options } = device(
      'forwarder',
      ...['--frontend', `connect:${group}`, '--backend', 'tcp://*:1'],
      ...['--rate', '100000', '--recovery-interval', '2s'],
    );
    const multicast = { rate: 100_000, recoveryInterval: 2000 };
    expect(options).toEqual({
      frontend: [`connect:${group}`],
      backend: ['tcp://*:1'],
      frontendOptions: multicast,
      backendOptions: multicast,
      captureOptions: multicast,
    });
    expect(device('forwarder', ...ENDS, '--rate', '5').options.backendOptions).toEqual({ rate: 5 });
  });

  it('refuses a rate that is none, and to keep everything for ever', () => {
    expect(refusal('forwarder', ...ENDS, '--rate', '0')).toContain('a whole number from 1');
    expect(refusal('forwarder', ...ENDS, '--recovery-interval', 'off')).toContain('such as 10s');
  });
});
