/** Commands that may be installed here, and need not be: wrk, pm2. */

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The file that a shell would run for this name; undefined where there is none. */
export function findCommand(name: string): string | undefined {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const file = join(folder, name);
    try {
      if (folder === '') continue;
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // not in this folder
    }
  }
  return undefined;
}
