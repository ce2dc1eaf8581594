/*
 * Programs that nobody changed, under `zscale run`: they are written into a folder of the test, at a
 * port that is free, and asked by a plain REQ socket.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Request } from '@zscale/transport';
import { type Program, type ProgramOptions, startZscale } from './cli.ts';
import { closing } from './closing.ts';
import { freshTcp } from './endpoints.ts';
import { freshFolder } from './programs.ts';
import { until } from './until.ts';

/** A program in a file of its own. */
export interface Written {
  readonly file: string;
  /** The folder it is in, which becomes the temporary folder too. */
  readonly folder: string;
  /** What stood as ENDPOINT in its text. */
  readonly endpoint: string;
}

/** Writes a program, with an endpoint that nobody uses where its text says ENDPOINT. */
export async function write(name: string, text: string, folder = freshFolder()): Promise<Written> {
  const endpoint = await freshTcp();
  const file = join(folder, name);
  writeFileSync(file, text.replaceAll('ENDPOINT', endpoint));
  return { file, folder, endpoint };
}

/** Starts `zscale run` with these arguments and waits until it serves. */
export async function serve(
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<Program> {
  const program = startZscale(['run', ...args], options);
  await program.printed(/stop it +Ctrl-C/);
  return program;
}

/** Sends one request on a connection of its own; the reply as text. */
export async function ask(endpoint: string, text: string): Promise<string> {
  const socket = closing(new Request({ sendTimeout: 10_000, receiveTimeout: 10_000 }));
  socket.connect(endpoint);
  await socket.send(text);
  const [reply] = await socket.receive();
  socket.close();
  return String(reply);
}

/** Asks until as many different workers answered, by the last word of their replies. */
export async function askAll(endpoint: string, workers: number): Promise<string[]> {
  const seen = new Set<string>();
  await until(async () => {
    const replies = await Promise.all(Array.from({ length: 8 }, () => ask(endpoint, 'hello')));
    for (const reply of replies) seen.add(reply.replace(/^.* /, ''));
    return seen.size >= workers;
  }, `replies of ${workers} workers`);
  return [...seen];
}
