/*
 * A program in a real pseudo terminal (in-terminal.py), its keys and its screen: enough of a terminal to know what a person sees, which is
 * letters, the cursor's way home, clearing, and the second screen.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { ROOT } from './cli.ts';
import { closing } from './closing.ts';
import { until } from './until.ts';

const PTY = fileURLToPath(new URL('./in-terminal.py', import.meta.url));
const ESCAPE = '\x1b';
const SEQUENCE = new RegExp(`^${ESCAPE}\\[(\\??)([\\d;]*)([A-Za-z])`);

/** What `in-terminal.py` says of the program. */
export interface TerminalEvent {
  readonly event: 'ended' | 'stopped' | 'continued';
  readonly code?: number;
  /** Whether the terminal's modes are those of before. */
  readonly restored: boolean;
}

/** A program in a terminal; killed when the running test ends. */
export class TerminalProgram {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #drawn: Buffer[] = [];
  #told = '';
  #columns: number;

  constructor(
    command: readonly string[],
    options: { columns?: number; rows?: number; env?: Readonly<Record<string, string>> } = {},
  ) {
    const { columns = 80, rows = 24, env = {} } = options;
    this.#columns = columns;
    this.#child = spawn(
      process.env.PYTHON ?? 'python3',
      [PTY, String(columns), String(rows), ...command],
      { cwd: ROOT, env: { ...process.env, TERM: 'xterm', NO_COLOR: '1', ...env } },
    );
    this.#child.stdout.on('data', (chunk: Buffer) => this.#drawn.push(chunk));
    this.#child.stderr.on('data', (chunk: Buffer) => {
      this.#told += chunk;
    });
    this.#child.stdin.on('error', () => {}); // it may have ended
    closing(this);
  }

  /** All that was written to the terminal. */
  get written(): string {
    return Buffer.concat(this.#drawn).toString();
  }

  /** What it says of the program so far. */
  get events(): readonly TerminalEvent[] {
    return this.#told
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line): TerminalEvent => JSON.parse(line));
  }

  /** What a person sees: the lines of the screen, without spaces at their ends. */
  get screen(): readonly string[] {
    return screenOf(this.written);
  }

  /** Waits until the screen has a match. */
  async shows(pattern: RegExp): Promise<RegExpExecArray> {
    return until(
      () => pattern.exec(this.screen.join('\n')),
      () => `${pattern} on the screen, which was\n${this.screen.join('\n')}\n${this.#told}`,
    );
  }

  /** Presses keys. */
  press(keys: string): void {
    this.#order({ send: keys });
  }

  resize(columns: number, rows: number): void {
    this.#columns = columns;
    this.#order({ resize: [columns, rows] });
  }

  /** The terminal goes away, as when its window is closed. */
  hangUp(): void {
    this.#order({ hangup: true });
  }

  /** To the program. */
  signal(number: number): void {
    this.#order({ signal: number });
  }

  /** Waits for what it says next of that kind. */
  async event(kind: TerminalEvent['event']): Promise<TerminalEvent> {
    return until(
      () => this.events.find(({ event }) => event === kind),
      () => `${kind}; said ${this.#told}`,
    );
  }

  /** The widest line that it shows; more than the terminal has would wrap. */
  get isWithinWidth(): boolean {
    return this.screen.every((line) => line.length <= this.#columns);
  }

  /** Ends it. Idempotent. */
  async close(): Promise<void> {
    this.#child.stdin.end(); // and it kills the program
    if (this.#child.exitCode === null) await once(this.#child, 'exit');
  }

  #order(order: object): void {
    this.#child.stdin.write(`${JSON.stringify(order)}\n`);
  }
}

/** Plays what was written. Throws on a sequence that it does not know: then it would show something else than a terminal. */
function screenOf(written: string): readonly string[] {
  const screens = { first: [''], second: [''] };
  let lines: string[] = screens.first;
  let row = 0;
  let column = 0;
  let rest = written;
  while (rest !== '') {
    const [whole, mark, numbers, letter] = SEQUENCE.exec(rest) ?? [];
    if (whole !== undefined) {
      rest = rest.slice(whole.length);
      if (`${mark}${numbers}${letter}` === '?1049h') {
        screens.second = [''];
        lines = screens.second;
        row = 0;
        column = 0;
      } else if (`${mark}${numbers}${letter}` === '?1049l') {
        lines = screens.first;
        row = lines.length - 1;
        column = (lines[row] ?? '').length;
      } else if (letter === 'H' && numbers === '') {
        row = 0;
        column = 0;
      } else if (letter === 'K') lines[row] = (lines[row] ?? '').slice(0, column);
      else if (letter === 'J' && numbers === '') {
        lines.length = row + 1;
        lines[row] = (lines[row] ?? '').slice(0, column);
      } else if (letter !== 'm' && mark !== '?')
        throw new Error(`unknown sequence ${JSON.stringify(whole)}`);
      continue;
    }
    const [character = ''] = rest;
    // A sequence that has come in part.
    if (character === '\x1b') break;
    rest = rest.slice(character.length);
    if (character === '\r') column = 0;
    else if (character === '\n') {
      row += 1;
      lines[row] ??= '';
    } else {
      const line = (lines[row] ?? '').padEnd(column);
      lines[row] = line.slice(0, column) + character + line.slice(column + 1);
      column += 1;
    }
  }
  return lines.map((line) => line.trimEnd());
}
