/*
 * `--user`, `--group`, `--umask` and `--cwd`: workers that are somebody else than who started them, and what that somebody can
 * reach of the service. As another user than root, of which there is nothing to give up, these tests are of the refusals.
 */
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { connect } from '@zscale/core';
import { describe, expect, it } from 'vitest';
import { Program, ROOT, startZscale, zscale, zscaleRun } from '../support/cli.ts';
import { closing } from '../support/closing.ts';
import { freshTcp } from '../support/endpoints.ts';
import { filesIn, freshFolder, gone, logOf } from '../support/programs.ts';
import { isPyzmqRequired, python } from '../support/their-peer.ts';
import { ask, serve } from '../support/unmodified.ts';
import { until } from '../support/until.ts';

const isRoot = process.geteuid?.() === 0;
/** Of every system, with no group but their own. */
const NOBODY = { uid: 65_534, gid: 65_534 };
/** A user that no file knows. */
const STRANGER = { uid: 54_321, gid: 54_322 };

/** Says who it is, and writes a file where it is told to. */
const WHO = `
  const { readFileSync, writeFileSync } = await import('node:fs');
  const { HOME, USER, LOGNAME } = process.env;
  const status = readFileSync('/proc/self/status', 'utf8');
  return {
    pid: process.pid, uid: process.getuid(), gid: process.getgid(), groups: /Groups:(.*)/.exec(status)[1].trim(),
    mask: process.umask(), cwd: process.cwd(), env: [HOME, USER, LOGNAME].join(),
    ids: [...status.matchAll(/^[UG]id:.*$/gm)].join().replaceAll('\\t', ' '),
  };`;
const HANDLER = `export default async (wish) => {${WHO}};`;

interface Who {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  readonly groups: string;
  readonly mask: number;
  readonly cwd: string;
  readonly env: string;
  readonly ids: string;
}

/** A folder that everybody may enter, with these files; what a service makes there, goes there too. */
function place(files: Readonly<Record<string, string>> = {}): string {
  const folder = freshFolder();
  chmodSync(folder, 0o755);
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
  return folder;
}

async function askWho(endpoint: string): Promise<Who> {
  const client = closing(connect(endpoint));
  const who = (await client.request({})) as Who; // the reply of the handler above
  await client.close();
  return who;
}

/** The folder of the sockets of the one service that has its temporary files there. */
function socketsIn(folder: string): string {
  const [name] = filesIn(folder).filter((file) => /^zscale-[0-9a-f]{16}$/.test(file));
  return path.join(folder, name ?? 'none');
}

/** \`mode uid:gid\` of a file. */
function ownerOf(file: string): string {
  const { mode, uid, gid } = statSync(file);
  return `${(mode & 0o777).toString(8)} ${uid}:${gid}`;
}

/** What becomes of it when a process of somebody connects to each of these sockets: an error's code, or 'connected'. */
async function connectAs(
  identity: { readonly uid: number; readonly gid: number },
  sockets: readonly string[],
): Promise<unknown> {
  const code = `
    const { connect } = require('node:net');
    const tried = (file) => new Promise((resolve) => {
      const socket = connect(file);
      socket.on('connect', () => { socket.destroy(); resolve('connected'); });
      socket.on('error', ({ code }) => resolve(code));
    });
    Promise.all(process.argv.slice(1).map(tried)).then((all) => console.log(JSON.stringify(all)));`;
  const program = new Program(process.execPath, ['-e', code, ...sockets], { identity, cwd: '/' });
  const { stdout } = await program.end();
  return JSON.parse(stdout);
}

describe.runIf(isRoot)('workers of another user', () => {
  it('have nothing of root, and are alone in reaching their sockets, also after a reload', async () => {
    const folder = place({ 'handler.mjs': HANDLER });
    const control = path.join(folder, 'control.sock');
    const { program, endpoint } = await zscaleRun(
      [
        'handler.mjs',
        '--user',
        'nobody',
        '--umask',
        '027',
        '--control',
        control,
        '--workers',
        '1',
        '--gateways',
        '2',
        '--bind',
        'tcp://127.0.0.1:*',
        '--bind',
        'http://127.0.0.1:0',
      ],
      { cwd: folder, env: { TMPDIR: folder } },
    );
    const who = await askWho(endpoint);
    expect(who).toMatchObject({ ...NOBODY, groups: '', mask: 0o027, cwd: folder });
    expect(who.ids).toBe('Uid: 65534 65534 65534 65534,Gid: 65534 65534 65534 65534');
    expect(who.env).toMatch(/^\/.*,nobody,nobody$/);
    const sockets = socketsIn(folder);
    expect(ownerOf(sockets)).toBe('710 0:65534');
    const owners = Object.fromEntries(
      readdirSync(sockets).map((name) => [name, ownerOf(path.join(sockets, name))]),
    );
    expect(owners).toEqual({ 'backend.sock': '600 65534:65534', 'gateways.sock': '600 0:0' });
    const paths = [...Object.keys(owners).map((name) => path.join(sockets, name)), control];
    const nobody = connectAs(NOBODY, paths);
    const stranger = connectAs(STRANGER, paths);
    // One of their group may pass through the folder, and no further.
    const fellow = connectAs({ uid: 1, gid: NOBODY.gid }, paths);
    expect(await nobody).toEqual(['connected', 'EACCES', 'EACCES']);
    expect(await stranger).toEqual(['EACCES', 'EACCES', 'EACCES']);
    expect(await fellow).toEqual(['EACCES', 'EACCES', 'EACCES']);

    expect((await zscale(['reload', '--control', control])).exitCode).toBe(0);
    const next = await askWho(endpoint);
    expect({ ...next, pid: 0 }).toEqual({ ...who, pid: 0 });
    expect(next.pid).not.toBe(who.pid);
    expect(statSync(`/proc/${program.pid}`).uid).toBe(0);
    const inspected = await zscale(['inspect', '0', '--control', control, '--json']);
    expect(JSON.parse(inspected.stdout).configuration).toMatchObject({
      user: 'nobody',
      group: null,
      umask: '027',
    });
    const profile = ['profile', 'cpu', '0', '--for', '10ms', '--control', control];
    const end = await zscale([...profile, '-o', path.join(folder, 'cpu.cpuprofile')]);
    expect(end.stderr).toMatch(/EACCES: .* The worker writes it, as its own user: say a path/);
    program.signal('SIGTERM');
    expect((await program.end()).exitCode).toBe(0);
    expect(filesIn(folder)).toEqual(['handler.mjs']);
  });

  it.each([
    ['a module', ['handler.mjs']],
    ['a command', ['--exec', `${process.execPath} rep.mjs`]],
  ])(
    'have nothing of what was left open for root, and no terminal of it: %s',
    async (_name, words) => {
      const report = `
      import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
      const linkOf = (fd) => { try { return readlinkSync('/proc/self/fd/' + fd); } catch { return ''; } };
      const report = () => ({
        open: readdirSync('/proc/self/fd').map(linkOf),
        session: Number(readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ')[3]),
      });`;
      const module = pathToFileURL(path.join(ROOT, 'packages/transport/dist/index.js')).href;
      const folder = place({
        'handler.mjs': `${report}\nexport default report;`,
        'rep.mjs': `${report}
        import { Reply } from '${module}';
        const socket = new Reply();
        socket.connect(process.env.ZSCALE_BACKEND);
        for await (const _ of socket) await socket.send(JSON.stringify(report()));`,
        secret: 'of root',
      });
      const endpoint = await freshTcp();
      const command = [
        process.execPath,
        path.join(ROOT, 'packages/cli/bin/zscale.js'),
        'run',
        ...words,
      ];
      const flags = ['--user', 'nobody', '--workers', '1', '--codec', 'json', '--bind', endpoint];
      const program = new Program(
        '/bin/bash',
        ['-c', 'exec 70< secret; exec "$@"', 'bash', ...command, ...flags],
        { cwd: folder, env: { TMPDIR: folder } },
      );
      const client = closing(connect(endpoint, { codec: 'json' }));
      const { open, session } = (await client.request(null)) as { open: string[]; session: number };
      await client.close();
      expect(open).not.toContain(path.join(folder, 'secret'));
      expect(open).toContain('/dev/null');
      const sessionOf = (pid: number | undefined): number =>
        Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[3]);
      expect(readlinkSync(`/proc/${program.pid}/fd/70`)).toBe(path.join(folder, 'secret'));
      expect(session).not.toBe(sessionOf(program.pid));
      program.signal('SIGTERM');
      expect((await program.end()).exitCode).toBe(0);
    },
  );

  it('may be numbers that no file knows, in a folder of their own, in TypeScript', async () => {
    const folder = place({ 'handler.ts': HANDLER.replace('(wish)', '(wish: unknown)') });
    // Who made this may have put something in it, for them to find.
    const cache = path.join(folder, `tsx-${STRANGER.uid}`);
    mkdirSync(cache);
    chmodSync(cache, 0o777);
    const own = path.join(folder, 'own');
    mkdirSync(own, { mode: 0o700 });
    chownSync(own, STRANGER.uid, STRANGER.gid);
    const { endpoint } = await zscaleRun(
      [
        'handler.ts',
        '--user',
        '54321',
        '--group',
        '54322',
        '--cwd',
        'own',
        '--threads',
        '1',
        '--workers',
        '1',
      ],
      { cwd: folder, env: { TMPDIR: folder, XDG_RUNTIME_DIR: '/run/user/0' } },
    );
    const who = await askWho(endpoint);
    expect(who).toMatchObject({ ...STRANGER, groups: '', cwd: own, env: '/,,' });
    expect(readdirSync(cache)).toEqual([]);
  });

  it('may have a group alone, and stay root', async () => {
    const folder = place({ 'handler.mjs': HANDLER });
    const { endpoint } = await zscaleRun(
      ['handler.mjs', '--group', String(STRANGER.gid), '--workers', '1'],
      { cwd: folder, env: { TMPDIR: folder } },
    );
    const who = await askWho(endpoint);
    expect(who).toMatchObject({ uid: 0, gid: STRANGER.gid, groups: '' });
    const { HOME, USER, LOGNAME } = process.env;
    expect(who.env).toBe([HOME, USER, LOGNAME].join());
  });

  it('end with a supervisor that is killed', async () => {
    const folder = place({ 'handler.mjs': HANDLER });
    const { program, endpoint } = await zscaleRun(
      ['handler.mjs', '--user', 'nobody', '--workers', '1'],
      {
        cwd: folder,
        env: { TMPDIR: folder },
      },
    );
    const { pid } = await askWho(endpoint);
    program.signal('SIGKILL');
    await gone([pid]);
    // It is root's, who is gone.
    expect(existsSync(socketsIn(folder))).toBe(true);
  });

  it('run the program once more, which began as root', async () => {
    const core = pathToFileURL(path.join(ROOT, 'packages/core/dist/index.js')).href;
    const folder = place({
      'program.mjs': `import { scale } from '${core}';
        console.log('begins', process.getuid());
        const server = await scale(async () => {${WHO}}, { workers: 1, bind: 'tcp://127.0.0.1:*', user: 'nobody', cwd: '/', umask: '0' });
        console.log('serves', server.endpoints[0]);`,
    });
    const program = new Program(process.execPath, [path.join(folder, 'program.mjs')], {
      env: { TMPDIR: folder },
    });
    const [, endpoint = ''] = await program.printed(/serves (\S+)\n/);
    expect(await askWho(endpoint)).toMatchObject({ ...NOBODY, mask: 0, cwd: '/' });
    expect(program.stdout.match(/begins \d+/g)).toEqual(['begins 0', 'begins 65534']);
  });

  it('are a command, or a machine that joined', async () => {
    const transport = pathToFileURL(path.join(ROOT, 'packages/transport/dist/index.js')).href;
    const folder = place({
      'handler.mjs': HANDLER,
      'rep.mjs': `import { Reply } from '${transport}';
        const who = async () => {${WHO}};
        const socket = new Reply();
        socket.connect(process.env.ZSCALE_BACKEND);
        for await (const [] of socket) await socket.send(JSON.stringify(await who()));`,
    });
    const [bind, backend] = [await freshTcp(), await freshTcp()];
    const as = ['--user', 'nobody', '--umask', '077', '--cwd', '/', '--workers', '1'];
    const env = { TMPDIR: folder };
    await serve(
      [
        '--exec',
        `${process.execPath} ${folder}/rep.mjs`,
        '--bind',
        bind,
        '--backend',
        backend,
        ...as,
      ],
      { env },
    );
    const who: Who = JSON.parse(await ask(bind, ''));
    expect(who).toMatchObject({ ...NOBODY, groups: '', mask: 0o077, cwd: '/' });
    expect(who.env).toMatch(/,nobody,nobody$/);
    const sockets = socketsIn(folder);
    const [door = ''] = readdirSync(sockets).filter((name) => name.startsWith('w'));
    expect(ownerOf(path.join(sockets, door))).toBe('600 65534:65534');
    expect(await connectAs(STRANGER, [path.join(sockets, door)])).toEqual(['EACCES']);

    const front = await freshTcp();
    const rear = await freshTcp();
    await serve(
      [path.join(folder, 'handler.mjs'), '--bind', front, '--backend', rear, '--workers', '1'],
      {
        env,
      },
    );
    const machine = startZscale(['join', rear, path.join(folder, 'handler.mjs'), ...as], { env });
    await machine.printed(/Ctrl-C/);
    await until(async () => (await askWho(front)).uid === NOBODY.uid, 'an answer of the machine');
  });

  it.skipIf(python === undefined && !isPyzmqRequired)('are a program in Python', async () => {
    const folder = place({
      'server.py': `import os, zmq
socket = zmq.Context().socket(zmq.REP)
socket.bind(os.environ["WHERE"])
while True:
    socket.recv()
    socket.send_string("%d %s" % (os.getuid(), os.getcwd()))
`,
    });
    const where = await freshTcp();
    await serve(['server.py', '--user', 'nobody', '--cwd', '/', '--workers', '1'], {
      cwd: folder,
      env: { TMPDIR: folder, WHERE: where, ...(python !== undefined && { ZSCALE_PYTHON: python }) },
    });
    expect(await ask(where, '')).toBe('65534 /');
  });

  const LISTENS = `import { createServer } from 'node:http';
    createServer((req, res) => res.end(String(process.getuid()))).listen(WHERE);`;

  it('listen at a port that is for root', async () => {
    const port = await portBelow1024();
    const folder = place({ 'server.mjs': LISTENS.replace('WHERE', `${port}, '127.0.0.1'`) });
    await serve(['server.mjs', '--user', 'nobody', '--workers', '1'], {
      cwd: folder,
      env: { TMPDIR: folder },
    });
    const answer = await fetch(`http://127.0.0.1:${port}`);
    expect(await answer.text()).toBe('65534');
  });

  it.each([
    ['a path', `'FOLDER/app.sock'`, 'unix:FOLDER/app.sock'],
    ['a descriptor', `{ fd: 7 }`, 'fd:7'],
  ])('are not given %s that the program asks for', async (_what, where, told) => {
    const folder = place();
    writeFileSync(
      path.join(folder, 'server.mjs'),
      LISTENS.replace('WHERE', where).replace('FOLDER', folder),
    );
    const end = await zscale(['server.mjs', '--user', 'nobody', '--workers', '1'], {
      cwd: folder,
      env: { TMPDIR: folder },
    });
    expect(end.stderr).toContain(
      `the program, which runs as nobody (65534:65534), asks for ${told.replace('FOLDER', folder)}; `,
    );
    expect(end.exitCode).toBe(2);
    expect(filesIn(folder)).toEqual(['server.mjs']);
  });

  it('are given the path that the operator says', async () => {
    const folder = place();
    const socket = path.join(folder, 'app.sock');
    writeFileSync(path.join(folder, 'server.mjs'), LISTENS.replace('WHERE', `'${socket}'`));
    const program = await serve(
      ['server.mjs', '--user', 'nobody', '--workers', '1', '--bind', `unix:${socket}`],
      {
        cwd: folder,
        env: { TMPDIR: folder },
      },
    );
    expect(existsSync(socket)).toBe(true);
    program.signal('SIGTERM');
    expect((await program.end()).exitCode).toBe(0);
  });

  it('cannot make the supervisor do something for them by what they say to it', async () => {
    const folder = place();
    const asked = path.join(folder, 'asked.sock');
    writeFileSync(
      path.join(folder, 'handler.mjs'),
      `import { writeSync } from 'node:fs';
       export default async () => {
         writeSync(4, 'no watchdog says this\\n{"type":"hung"}\\n');
         process.send({ type: 'bound', endpoint: 'unix:${asked}' });
         ${WHO}
       };`,
    );
    const { program, endpoint } = await zscaleRun(
      ['handler.mjs', '--user', 'nobody', '--workers', '1', '--log-format', 'json'],
      { cwd: folder, env: { TMPDIR: folder } },
    );
    const who = await askWho(endpoint);
    await until(() =>
      logOf(program).some(
        ({ msg }) => msg === 'a worker sent messages that are not ours; they are ignored',
      ),
    );
    expect(await askWho(endpoint)).toEqual(who);
    expect(existsSync(asked)).toBe(false);
  });
});

/** A port that only root may bind, and that nobody has. */
async function portBelow1024(): Promise<number> {
  for (let port = 1023; ; port -= 1) {
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    const address = server.address() as AddressInfo | null;
    await new Promise((resolve) => server.close(resolve));
    if (isFree && address?.port === port) return port;
  }
}

describe('workers cannot be another user', () => {
  const folderOf = (identity: { uid: number; gid: number } | undefined): string => {
    const folder = place({ 'handler.mjs': HANDLER });
    if (identity !== undefined) chownSync(folder, identity.uid, identity.gid);
    return folder;
  };
  /** As a user who is not root, whoever runs the tests. */
  const self = isRoot ? NOBODY : undefined;
  const own = self ?? { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

  it('where root did not start them', async () => {
    const folder = folderOf(self);
    const end = await zscale(['handler.mjs', '--workers', '1', '--user', 'daemon'], {
      cwd: folder,
      env: { TMPDIR: folder },
      ...(self !== undefined && { identity: self }),
    });
    expect(end.stderr).toMatch(
      new RegExp(
        `^zscale: user must be that of this process, .*${own.uid}.*; got "daemon"\\. Only root can`,
      ),
    );
    expect(end.exitCode).toBe(2);
    expect(filesIn(folder)).toEqual(['handler.mjs']);
  });

  it('unless they are who starts them', async () => {
    const folder = folderOf(self);
    const { endpoint } = await zscaleRun(
      ['handler.mjs', '--workers', '1', '--user', String(own.uid), '--group', String(own.gid)],
      { cwd: folder, env: { TMPDIR: folder }, ...(self !== undefined && { identity: self }) },
    );
    expect(await askWho(endpoint)).toMatchObject(own);
  });

  it('in a folder that is not there', async () => {
    const folder = place({ 'handler.mjs': HANDLER });
    const end = await zscale(['handler.mjs', '--workers', '1', '--cwd', 'no/such'], {
      cwd: folder,
    });
    expect(end.stderr).toContain(
      `cwd must be a folder that is there; got ${JSON.stringify(path.join(folder, 'no/such'))} (ENOENT)`,
    );
    expect(end.exitCode).toBe(2);
  });

  it.runIf(isRoot).each([
    [
      'the module',
      4,
      /handler\.mjs cannot be read by nobody \(65534:65534\), because of .*\/closed \(EACCES\)/,
    ],
    [
      'the folder',
      2,
      /cwd must be a folder that nobody \(65534:65534\) may enter; .*\/closed is none \(EACCES\)/,
    ],
    [
      'the sockets',
      2,
      /nobody \(65534:65534\) cannot enter .*\/closed \(EACCES\), where the sockets of workers would be/,
    ],
    [
      'the safe sockets',
      2,
      /sockets of workers cannot be in .*\/open: nobody \(65534:65534\) may rename what is in .*\/open/,
    ],
  ])('who cannot reach %s', async (what, exitCode, text) => {
    const folder = place({ 'handler.mjs': HANDLER });
    const closed = path.join(folder, 'closed');
    const open = path.join(folder, 'open');
    mkdirSync(closed, { mode: 0o700 });
    mkdirSync(open);
    chmodSync(open, 0o777);
    writeFileSync(path.join(closed, 'handler.mjs'), HANDLER);
    const file = what === 'the module' ? 'closed/handler.mjs' : 'handler.mjs';
    const cwd = what === 'the folder' ? ['--cwd', closed] : [];
    const temporary = { 'the sockets': closed, 'the safe sockets': open }[what] ?? folder;
    const end = await zscale([file, '--workers', '1', '--user', 'nobody', ...cwd], {
      cwd: folder,
      env: { TMPDIR: temporary },
    });
    expect(end.stderr).toMatch(text);
    expect(end.exitCode).toBe(exitCode);
    expect(filesIn(temporary).filter((name) => name.startsWith('zscale-'))).toEqual([]);
  });
});
