/**
 * A role's line to the benchmark: it is told `run COUNT` on stdin, and says `ready [endpoint...]`, `done SECONDS` or `fail TEXT`
 * on stdout. Its arguments are `key=value`. It ends when stdin does, so that none is left behind.
 */

import { createInterface } from 'node:readline';

/** Says that the role is there, and where it can be reached. Of a receiver: that it counts from now on. */
export function sayReady(...endpoints: readonly string[]): void {
  say(['ready', ...endpoints].join(' '));
}

/** Says that a run is over, and how long it took. */
export function sayDone(seconds: number): void {
  say(`done ${seconds.toFixed(9)}`);
}

/** Listens to the benchmark. Call it once, before anything that takes long. @param run is called with the count of each run. */
export function listen(run: (count: number) => void = () => {}): void {
  process.on('uncaughtException', (error: unknown) => {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    say(`fail ${text.replaceAll(/\s*\n\s*/g, ' | ')}`);
    process.exit(1);
  });
  createInterface({ input: process.stdin })
    .on('line', (line) => run(Number(/^run (\d+)$/.exec(line)?.[1])))
    .on('close', () => process.exit(0));
}

/** As {@link listen}, for roles that do a run from its beginning to its end: they are timed here. */
export function listenAndTime(run: (count: number) => Promise<void>): void {
  listen((count) => {
    const start = performance.now();
    void run(count).then(() => sayDone((performance.now() - start) / 1000)); // a failure is uncaught, and ends the role
  });
}

/** An argument. @throws Error when it was not given. */
export function given(key: string): string {
  return findGiven(key) ?? failMissing(key);
}

/** An argument that is a number. @throws Error when it was not given. */
export function givenNumber(key: string): number {
  return Number(given(key));
}

/** An argument, if it was given. */
export function findGiven(key: string): string | undefined {
  return process.argv.find((argument) => argument.startsWith(`${key}=`))?.slice(key.length + 1);
}

function failMissing(key: string): never {
  throw new Error(`this role needs ${key}=...`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
