/**
 * Files of environment variables, as `--env-from` names them: `KEY=value` in lines, as `node --env-file` reads them.
 *
 * Not called `--env-file`, since Node takes a flag of that name also behind the name of the program: it would load the file into this
 * process, for good, and end it where there is none.
 */
import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { UsageError } from './failure.ts';

/**
 * The variables of all files, those of later ones over those of earlier ones.
 *
 * @throws UsageError for one that cannot be read
 */
export function readEnvFiles(files: readonly string[]): Readonly<Record<string, string>> {
  const all: Record<string, string> = {};
  for (const file of files) {
    for (const [name, value] of Object.entries(parseEnv(textOf(file)))) all[name] = value ?? '';
  }
  return all;
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new UsageError(`--env-from ${file} cannot be read: ${why}`);
  }
}
