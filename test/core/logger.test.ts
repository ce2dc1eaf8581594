/*
 * The log as a terminal has it: the texts in it may be of workers.
 */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { ROOT } from '../support/cli.ts';

const PROGRAM = `
import { createLogger } from '${pathToFileURL(path.join(ROOT, 'packages/core/dist/index.js'))}';
const logger = createLogger({ format: 'pretty' });
const said = '\\u001b[2J\\u0007\\u0008\\u000c\\r\\u007f\\u009b31m';
logger.warn({ reason: said, err: Object.assign(new Error('broken ' + said), { code: said }) }, 'told: ' + said);
logger.info({ path: 'C:\\\\u001b' }, 'a\\tb "c" \\\\u001b \\ud83d\\ude00');
`;

it('readable lines show the control characters of texts, and leave all others as they are', () => {
  const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', PROGRAM], {
    encoding: 'utf8',
    env: { ...process.env, ZSCALE_LOG_LEVEL: 'info' },
  });
  const shown = String.raw`\u001b[2J\u0007\u0008\u000c\u000d\u007f\u009b31m`;
  expect(stderr).toContain(`told: ${shown}`);
  expect(stderr).toContain(`broken ${shown}`);
  expect(stderr).toContain(String.raw`a	b "c" \u001b 😀`);
  expect(stderr).not.toMatch(/(?![\n\t])\p{Cc}/u);
});
