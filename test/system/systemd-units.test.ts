/*
 * The units of `zscale init --systemd` under systemd itself, which is process 1 of a machine of its own: it opens the socket, starts the
 * service as a user of its own, reloads it, restarts it, and ends one that stands still.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { freshTcp } from '../support/endpoints.ts';
import { project } from '../support/init-files.ts';
import {
  APP,
  CHECKOUT,
  noSystemdMachine,
  SystemdMachine,
  UNITS,
} from '../support/systemd-machine.ts';
import { until } from '../support/until.ts';

/** Says which process answers, and as whom. */
const SERVER = 'export default { fetch: () => Response.json([process.pid, process.getuid()]) };';
const BROKEN = 'throw new Error("no");';
/** The users that systemd makes for a service while it runs (DynamicUser). */
const FIRST_DYNAMIC_USER = 61_184;
/** What the service came to, each time it ended; and a watchdog that a test can wait for. */
const DROP_IN = `[Service]
WatchdogSec=2
ExecStopPost=+/bin/sh -c 'echo $SERVICE_RESULT >> ${UNITS}/results'
`;

/** What \`systemctl show\` says of the service. */
interface Shown {
  readonly ActiveState: string;
  readonly MainPID: number;
  readonly NRestarts: number;
  readonly ExecMainStatus: number;
  readonly StatusText: string;
}

beforeEach(({ skip }) => {
  const isRequired = process.env.REQUIRE_SYSTEMD_BOOT === '1';
  if (noSystemdMachine !== undefined && !isRequired) skip(noSystemdMachine);
});

/** A machine with the units installed as \`zscale init\` says; nothing of them is started. */
async function installed() {
  const app = project({ 'server.mjs': SERVER, 'package.json': '{ "name": "my-app" }' });
  const url = (await freshTcp()).replace('tcp', 'http');
  const machine = await SystemdMachine.boot(app);
  const script = `cd ${APP} && ${process.execPath} ${CHECKOUT}/packages/cli/bin/zscale.js init server.mjs --systemd --bind ${url} &&
    cp my-app.service my-app.socket ${UNITS} && mkdir ${UNITS}/my-app.service.d && printf %s "$1" > ${UNITS}/my-app.service.d/test.conf &&
    systemctl daemon-reload`;
  const { exitCode, stderr } = await machine.run('/bin/sh', '-c', script, 'install', DROP_IN);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  const show = async (): Promise<Shown> => {
    const names = 'ActiveState,MainPID,NRestarts,ExecMainStatus,StatusText';
    const { stdout } = await machine.run('systemctl', 'show', 'my-app.service', '-p', names);
    const facts = new Map(
      stdout.split('\n').map((line) => line.split(/=(.*)/s, 2) as [string, string]),
    );
    const text = (name: string): string => facts.get(name) ?? '';
    return {
      ActiveState: text('ActiveState'),
      MainPID: Number(text('MainPID')),
      NRestarts: Number(text('NRestarts')),
      ExecMainStatus: Number(text('ExecMainStatus')),
      StatusText: text('StatusText'),
    };
  };
  return {
    url,
    show,
    /** Replaces the code. */
    write: (code: string) => writeFileSync(join(app, 'server.mjs'), code),
    systemctl: (...words: string[]) => machine.run('systemctl', ...words),
    run: (...words: string[]) => machine.run(...words),
    results: async () => (await machine.run('cat', `${UNITS}/results`)).stdout.trim().split('\n'),
  };
}

/** Which worker answers, and as which user, on a connection of its own. */
async function ask(url: string): Promise<[worker: number, user: number]> {
  const answer = await fetch(url, { headers: { Connection: 'close' } });
  return (await answer.json()) as [number, number];
}

describe('the units of zscale init, under systemd', () => {
  it('serve as a user without rights, and by new code after a reload that works', async () => {
    const { url, show, systemctl, write } = await installed();
    expect(await systemctl('start', 'my-app.socket', 'my-app.service')).toMatchObject({
      exitCode: 0,
    });
    const started = await show();
    expect(started).toMatchObject({ ActiveState: 'active', NRestarts: 0 });
    expect(started.StatusText).toMatch(/^serving \S+, (\d+) of \1 workers ready$/);
    const [worker, user] = await ask(url);
    expect(user).toBeGreaterThanOrEqual(FIRST_DYNAMIC_USER);

    write(BROKEN);
    expect(await systemctl('reload', 'my-app')).toMatchObject({ exitCode: 1 });
    expect(await show()).toMatchObject({ ActiveState: 'active', MainPID: started.MainPID });
    await ask(url);

    write(SERVER);
    expect(await systemctl('reload', 'my-app')).toMatchObject({ exitCode: 0 });
    expect(await show()).toMatchObject({ ActiveState: 'active', MainPID: started.MainPID });
    expect((await ask(url))[0]).toBeGreaterThan(worker);
  });

  it('fail no request when the service is started again, and start it for the first one', async () => {
    const { url, show, systemctl, results } = await installed();
    await systemctl('start', 'my-app.socket');
    expect(await show()).toMatchObject({ ActiveState: 'inactive' });
    await ask(url);
    const first = await show();
    let isOver = false;
    let asked = 0;
    const client = async (): Promise<void> => {
      for (; !isOver; asked += 1) await ask(url);
    };
    const clients = [client(), client(), client()];
    await until(() => asked > 0);
    expect(await systemctl('restart', 'my-app')).toMatchObject({ exitCode: 0 });
    const before = asked;
    await until(() => asked > before + 3);
    isOver = true;
    await Promise.all(clients);
    expect((await show()).MainPID).not.toBe(first.MainPID);
    expect(await systemctl('stop', 'my-app.socket', 'my-app')).toMatchObject({ exitCode: 0 });
    expect(await show()).toMatchObject({ ActiveState: 'inactive', MainPID: 0 });
    expect(await results()).toEqual(['success', 'success']);
  });

  it('end a service that stands still, and start it again', async () => {
    const { url, show, systemctl, run, results } = await installed();
    await systemctl('start', 'my-app.socket', 'my-app.service');
    const { MainPID } = await show();
    await run('kill', '-STOP', String(MainPID));
    // On a connection that waits for the next one.
    const [, user] = await ask(url);
    expect(user).toBeGreaterThanOrEqual(FIRST_DYNAMIC_USER);
    expect(await results()).toEqual(['watchdog']);
    // A worker may have answered before systemd has heard that the service is ready.
    const shown = await until(async () => {
      const facts = await show();
      return facts.ActiveState !== 'activating' && facts;
    });
    expect(shown).toMatchObject({ ActiveState: 'active', NRestarts: 1 });
  });

  it('do not start code again that does not load', async () => {
    const { show, systemctl, write } = await installed();
    write(BROKEN);
    expect(await systemctl('start', 'my-app.service')).toMatchObject({ exitCode: 1 });
    expect(await show()).toMatchObject({ ActiveState: 'failed', NRestarts: 0, ExecMainStatus: 4 });
  });
});
