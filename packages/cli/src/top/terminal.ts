/**
 * A terminal taken over as a whole: its second screen, keys one by one, no cursor; and given back as it was, however the process
 * ends that has it.
 *
 *     closed --> open <--> suspended (Ctrl-Z, SIGTSTP until SIGCONT)
 *       ^---------+------------+
 */
import { UsageError } from '../failure.ts';

const ESCAPE = '\x1b';
/** Second screen, no cursor, lines are not wrapped. */
const TAKE = '\x1b[?1049h\x1b[?25l\x1b[?7l';
const GIVE_BACK = '\x1b[?7h\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const CLEAR_LINE = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';
/** What a terminal that does not say is. */
const DEFAULT_SIZE = { columns: 80, rows: 24 };
/** A terminal that takes no more than this at once is not drawn on meanwhile. */
const MOST_UNWRITTEN_BYTES = 65_536;
/** Whoever nobody could continue is not stopped by the system: a process without a shell. */
const NOT_STOPPED_MS = 200;

/** What keys send that are no letters. */
const NAMED_KEYS: ReadonlyMap<string, string> = new Map([
  ['\x1b[A', 'up'],
  ['\x1bOA', 'up'],
  ['\x1b[B', 'down'],
  ['\x1bOB', 'down'],
  ['\x1b[C', 'right'],
  ['\x1bOC', 'right'],
  ['\x1b[D', 'left'],
  ['\x1bOD', 'left'],
  ['\x1b[5~', 'pageup'],
  ['\x1b[6~', 'pagedown'],
  ['\x03', 'interrupt'],
  ['\x1a', 'suspend'],
]);
/** A sequence, or one character. */
const KEY = new RegExp(`${ESCAPE}[[O][\\d;]*[A-Za-z~]|[^]`, 'gu');

/** Whom the terminal tells. */
export interface TerminalSink {
  /** A letter, a name such as `up`, or `interrupt` for Ctrl-C. */
  key(name: string): void;
  /** The size has changed, or the screen is ours again: it is to be drawn anew. */
  changed(): void;
}

/** Input and output of a process that are a terminal. */
export class Terminal {
  readonly #input: NodeJS.ReadStream;
  readonly #output: NodeJS.WriteStream;
  readonly #sink: TerminalSink;
  readonly #onData: (text: string) => void;
  readonly #onResize: () => void;
  readonly #onSuspend: () => void;
  readonly #onContinue: () => void;
  readonly #onHangUp: () => void;
  readonly #giveBack: () => void;
  #state: 'closed' | 'open' | 'suspended';
  #last: string;

  /** @throws UsageError when there is no terminal, or none that could be drawn on */
  constructor(
    { stdin, stdout, env }: Pick<NodeJS.Process, 'stdin' | 'stdout' | 'env'>,
    sink: TerminalSink,
  ) {
    if (!stdin.isTTY || !stdout.isTTY || env.TERM === 'dumb') {
      throw new UsageError(
        'top draws on a terminal, and input and output are none. For programs: zscale status --json, zscale stats --json.',
      );
    }
    this.#input = stdin;
    this.#output = stdout;
    this.#sink = sink;
    this.#state = 'closed';
    this.#last = '';
    this.#onData = (text) => this.#read(text);
    this.#onResize = () => this.#drawAnew();
    this.#onSuspend = () => this.#suspend();
    this.#onContinue = () => this.#continue();
    this.#onHangUp = () => this.#hangUp();
    this.#giveBack = () => this.#leaveScreen();
  }

  /** Its size, as it is now. */
  get size(): { readonly columns: number; readonly rows: number } {
    const { columns, rows } = this.#output;
    return { columns: columns || DEFAULT_SIZE.columns, rows: rows || DEFAULT_SIZE.rows };
  }

  /** Takes it over, until `close()` or the end of the process. */
  open(): void {
    this.#input.setEncoding('utf8').on('data', this.#onData);
    this.#input.on('error', this.#onHangUp).on('end', this.#onHangUp);
    this.#output.on('resize', this.#onResize);
    process.on('SIGTSTP', this.#onSuspend).on('SIGCONT', this.#onContinue);
    process.on('SIGHUP', this.#onHangUp);
    // An error that nobody catches is printed after this, where it can be read.
    process.on('uncaughtExceptionMonitor', this.#giveBack).on('exit', this.#giveBack);
    this.#enterScreen();
  }

  /** Shows this instead of what is there; lines end by line feeds. */
  draw(text: string): void {
    if (this.#state !== 'open' || text === this.#last) return;
    if (this.#output.writableLength > MOST_UNWRITTEN_BYTES) return;
    this.#last = text;
    this.#output.write(
      `${HOME}${text.replaceAll('\n', `${CLEAR_LINE}\r\n`)}${CLEAR_LINE}${CLEAR_BELOW}`,
    );
  }

  /** Gives it back. Idempotent. */
  close(): void {
    this.#leaveScreen();
    this.#state = 'closed';
    this.#input.off('data', this.#onData).pause();
    this.#input.off('error', this.#onHangUp).off('end', this.#onHangUp);
    this.#output.off('resize', this.#onResize);
    process.off('SIGTSTP', this.#onSuspend).off('SIGCONT', this.#onContinue);
    process.off('SIGHUP', this.#onHangUp);
    process.off('uncaughtExceptionMonitor', this.#giveBack).off('exit', this.#giveBack);
  }

  #enterScreen(): void {
    this.#state = 'open';
    this.#last = '';
    this.#input.setRawMode(true);
    this.#input.resume();
    this.#output.write(TAKE);
  }

  #leaveScreen(): void {
    if (this.#state !== 'open') return;
    this.#state = 'suspended';
    this.#output.write(GIVE_BACK);
    try {
      this.#input.setRawMode(false);
    } catch {
      // The terminal is gone, as at SIGHUP: nobody sees how it was left.
    }
  }

  #read(text: string): void {
    for (const [key] of text.matchAll(KEY)) {
      if (this.#state !== 'open') return;
      const name = NAMED_KEYS.get(key) ?? key;
      if (name === 'suspend') this.#suspend();
      else this.#sink.key(name);
    }
  }

  /** As every program does at Ctrl-Z; the whole job, for the one that started us waits in it. */
  #suspend(): void {
    if (this.#state !== 'open') return;
    this.#leaveScreen();
    process.off('SIGTSTP', this.#onSuspend);
    process.kill(0, 'SIGTSTP');
    setTimeout(this.#onContinue, NOT_STOPPED_MS);
  }

  #continue(): void {
    process.off('SIGTSTP', this.#onSuspend).on('SIGTSTP', this.#onSuspend);
    if (this.#state !== 'suspended') return;
    this.#enterScreen();
    this.#drawAnew();
  }

  /** The terminal is gone, most often. Node aborts where it exits by itself then, for it cannot set the modes back; so it is ended. */
  #hangUp(): void {
    this.#leaveScreen();
    process.off('SIGHUP', this.#onHangUp);
    process.kill(process.pid, 'SIGHUP');
  }

  #drawAnew(): void {
    this.#last = '';
    this.#sink.changed();
  }
}
