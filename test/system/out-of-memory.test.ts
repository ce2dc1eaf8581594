/*
 * A worker that the kernel kills because memory ran out: the limit is a real one, and so is the kill.
 * A heap that V8 finds full is in hang.test.ts.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from '@zscale/core';
import { describe, expect, it } from 'vitest';
import { BIN, Program, ROOT } from '../support/cli.ts';
import { closing } from '../support/closing.ts';
import { MemoryCgroup, noMemoryCgroup } from '../support/memory-cgroup.ts';
import { freshFolder, logOf } from '../support/programs.ts';
import { ask } from '../support/unmodified.ts';
import { until } from '../support/until.ts';

const MIB = 2 ** 20;
/** A supervisor and a worker at rest have less than half of it. */
const LIMIT = 400 * MIB;
const BY_KERNEL = 'the kernel killed it: its cgroup is out of memory (oom_kill)';

const KEEP = `
const kept = [];
function keep(all) {
  for (let mib = 0; mib < all; mib += 8) kept.push(Buffer.alloc(8 * ${MIB}, 1));
}`;

const HANDLER = `${KEEP}
export default (all) => {
  keep(all);
  return process.pid;
};`;

const COMMAND = `${KEEP}
import { Reply } from '${ROOT}packages/transport/dist/index.js';
const socket = new Reply();
socket.connect(process.env.ZSCALE_BACKEND);
for await (const [request] of socket) {
  keep(Number(request));
  await socket.send('answered');
}`;

/** Runs one worker in a cgroup with little memory. */
async function run(text: string, words: (file: string) => readonly string[]) {
  const cgroup = new MemoryCgroup(LIMIT);
  const folder = freshFolder();
  const file = join(folder, 'worker.mjs');
  writeFileSync(file, text);
  const options = ['--workers', '1', '--log-format', 'json', '--bind', 'tcp://127.0.0.1:*'];
  const [command, ...args] = cgroup.around([
    process.execPath,
    BIN,
    'run',
    ...words(file),
    ...options,
  ]);
  const program = new Program(command, args, { env: { TMPDIR: folder } });
  const [, endpoint = ''] = await program.printed(/clients +(\S+)[\s\S]*Ctrl-C/);
  const deaths = () => logOf(program).filter(({ msg }) => msg.startsWith('worker ended'));
  return { endpoint, deaths };
}

const skipped = noMemoryCgroup === undefined ? '' : ` (skipped: ${noMemoryCgroup})`;

describe.skipIf(noMemoryCgroup !== undefined)(`out of memory${skipped}`, () => {
  it('is told as the reason when the kernel killed a worker for it, and only then', async () => {
    const { endpoint, deaths } = await run(HANDLER, (file) => [file, '--hang-timeout', 'off']);
    const client = closing(connect<(all: number) => Promise<number>>(endpoint));
    const lost = { code: 'ZSCALE_ERR_WORKER_LOST' };
    await expect(client.request(4096)).rejects.toMatchObject(lost);
    const pid = await client.request(0);
    expect(deaths()).toMatchObject([{ worker: 0, signal: 'SIGKILL', why: BY_KERNEL, held: 1 }]);

    process.kill(pid, 'SIGKILL');
    await until(() => deaths().length === 2, 'the second death to be told');
    expect(deaths()[1]).toMatchObject({ why: expect.stringMatching(/^SIGKILL: somebody/) });
  });

  it('is told too when a shell stands between, which makes an exit code of it', async () => {
    const command = (file: string) => `${process.execPath} ${file}; exit $?`;
    const { endpoint, deaths } = await run(COMMAND, (file) => ['--exec', command(file)]);
    expect(await ask(endpoint, '4096')).not.toBe('answered');
    expect(await ask(endpoint, '0')).toBe('answered');
    expect(deaths()).toMatchObject([{ code: 137, why: BY_KERNEL, held: 1 }]);
  });
});
