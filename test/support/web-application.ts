/*
 * A web application of test/fixtures/http as its author starts it, and the same file scaled. It listens at the port in PORT.
 */
import { fixture, Program, type ProgramOptions, startZscale } from './cli.ts';
import { freshTcp } from './endpoints.ts';

/** A running application. */
export interface WebApplication {
  readonly program: Program;
  readonly port: number;
}

/** `node file`, which prints that it listens. */
export async function startAlone(
  name: string,
  options: ProgramOptions = {},
): Promise<WebApplication> {
  const port = await freePort();
  const loader = /\.[cm]?ts$/.test(name) ? ['--import', 'tsx'] : [];
  const program = new Program(process.execPath, [...loader, fixture(name)], {
    ...options,
    env: { ...options.env, PORT: String(port) },
  });
  await program.printed(/listening/);
  return { program, port };
}

/** `zscale run file`, with two workers unless `args` say otherwise; PORT in them is its port. */
export async function startScaled(
  name: string,
  args: readonly string[] = [],
  options: ProgramOptions = {},
): Promise<WebApplication> {
  const port = await freePort();
  const workers = args.includes('--workers') ? [] : ['--workers', '2'];
  const program = startZscale(
    ['run', fixture(name), ...workers, ...args.map((arg) => arg.replace('PORT', String(port)))],
    { ...options, env: { ...options.env, PORT: String(port) } },
  );
  await program.printed(/Ctrl-C/);
  return { program, port };
}

async function freePort(): Promise<number> {
  return Number((await freshTcp()).replace(/^.*:/, ''));
}
