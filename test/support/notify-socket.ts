/*
 * A socket as systemd has it for a service of Type=notify, and what came there. A process of its own holds it: Node cannot.
 */
import { spawnSync } from 'node:child_process';
import { fixture, Program } from './cli.ts';
import { until } from './until.ts';

/** Whether tests with systemd's own programs can run. Where they must, the lack of them is a failure. */
export const HAS_SYSTEMD: boolean =
  process.env.REQUIRE_SYSTEMD === '1' ||
  ['systemd-notify', 'systemd-socket-activate', 'systemd-analyze'].every(
    (command) => spawnSync(command, ['--version']).status === 0,
  );

/** One message that came. */
export interface Notice {
  readonly lines: readonly string[];
  /** Microseconds of the monotonic clock. */
  readonly at: number;
}

/** The socket, until the running test ends. */
export class NotifySocket {
  /** What NOTIFY_SOCKET has to be. */
  readonly name: string;
  readonly #program: Program;

  private constructor(name: string) {
    this.name = name;
    const python = process.env.PYTHON ?? 'python3';
    this.#program = new Program(python, [fixture('systemd/notify-socket.py'), name]);
  }

  /** Listens at a path, or at an abstract name with `@` in front. */
  static async listen(name: string): Promise<NotifySocket> {
    const socket = new NotifySocket(name);
    await socket.#program.printed(/listening/);
    return socket;
  }

  /** All that came, the oldest first. */
  get notices(): readonly Notice[] {
    return this.#program.stdout
      .split('\n')
      .filter((line) => line.startsWith('{"lines"') && line.endsWith('}'))
      .map((line): Notice => JSON.parse(line));
  }

  /** What was said of the service, in order, without status and watchdog. */
  get states(): readonly string[] {
    return this.notices
      .flatMap(({ lines }) => lines)
      .filter((line) => /^(READY|RELOADING|STOPPING)=/.test(line));
  }

  /** Messages that have this line. */
  having(line: string): readonly Notice[] {
    return this.notices.filter(({ lines }) => lines.includes(line));
  }

  /** Waits until a line has come that matches, `times` times, and gives the last of them. */
  async heard(pattern: RegExp, times = 1): Promise<string> {
    return until(
      () =>
        this.notices.flatMap(({ lines }) => lines).filter((line) => pattern.test(line))[times - 1],
      () => `${pattern} ${times} times; came ${JSON.stringify(this.notices)}`,
    );
  }
}
