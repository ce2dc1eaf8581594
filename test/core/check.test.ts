/*
 * What checkService() refuses before it starts a worker: what scale() refuses, in the same words; and addresses given twice. What
 * both say of an application that was loaded is in test/system/config.test.ts.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkService } from '../../packages/core/src/check.ts';
import type { ScaleOptions } from '../../packages/core/src/options.ts';
import { scale } from '../../packages/core/src/scale.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'zscale-needs-'));
const inside = (name: string): string => path.join(folder, name);
const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const tcp = 'tcp://127.0.0.1:*';
/** Addresses for documentation (RFC 5737), which no machine has. */
const NOBODYS = '203.0.113.1';
/** And of IPv6 (RFC 3849). */
const NOBODYS_IPV6 = '2001:db8::1';

beforeAll(() => {
  writeFileSync(inside('handler.mjs'), 'export default (value) => value;');
  writeFileSync(inside('file'), 'neither a key nor a folder\n');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function refusalOf(service: Promise<unknown>): Promise<object> {
  const error: unknown = await service.then(
    () => new Error('not refused'),
    (reason: unknown) => reason,
  );
  const { code, message } = Object(error);
  return { code, message };
}

describe('what scale() refuses, checkService() refuses in the same words:', () => {
  const refusals: readonly (readonly [string, string, ScaleOptions])[] = [
    ['keys that are not there', 'ZSCALE_ERR_OPTIONS', { curve: { keyFile: inside('none') } }],
    ['a file without keys', 'ZSCALE_ERR_OPTIONS', { curve: { keyFile: inside('file') } }],
    ['clients without a service', 'ZSCALE_ERR_OPTIONS', { curve: { allow: inside('file') } }],
    ['an open back end', 'ZSCALE_ERR_INSECURE', { backend: 'tcp://*:0' }],
    ['a back end of no transport', 'EPROTONOSUPPORT', { backend: 'nix://x' }],
    ['a back end in no folder', 'ENOENT', { backend: `ipc://${inside('no/x.sock')}` }],
    ['a token and no address for it', 'ZSCALE_ERR_OPTIONS', { adminTokenFile: inside('file') }],
    [
      'a token that is none',
      'ZSCALE_ERR_OPTIONS',
      { admin: 'http://127.0.0.1:0', adminTokenFile: inside('file') },
    ],
    ['an admin address that is none', 'ZSCALE_ERR_OPTIONS', { admin: 'http://' }],
    ['an admin port that is none', 'ZSCALE_ERR_OPTIONS', { admin: 'http://*:70000' }],
    ['an admin address elsewhere', 'EADDRNOTAVAIL', { admin: `http://${NOBODYS}:0` }],
    [
      'an admin address of IPv6 elsewhere',
      'EADDRNOTAVAIL',
      { admin: `http://[${NOBODYS_IPV6}]:0` },
    ],
    ['an address of IPv6 elsewhere', 'EADDRNOTAVAIL', { bind: `http://[${NOBODYS_IPV6}]:0` }],
    ['an admin address without a host', 'ENOTFOUND', { admin: 'http://no.invalid:0' }],
    ['an admin socket in no folder', 'ENOENT', { admin: `unix:${inside('no/x.sock')}` }],
    ['a file where the admin socket should be', 'EADDRINUSE', { admin: `unix:${inside('file')}` }],
    ['a path that is too long', 'ZSCALE_ERR_OPTIONS', { admin: `unix:/${'x'.repeat(120)}` }],
    ['a port that is none', 'EINVAL', { bind: 'tcp://127.0.0.1:70000' }],
    ['an address elsewhere', 'EADDRNOTAVAIL', { bind: `tcp://${NOBODYS}:0` }],
    ['an interface that is not there', 'ENODEV', { bind: 'tcp://no.invalid:0' }],
    ['a socket in no folder', 'ENOENT', { bind: `ipc://${inside('no/x.sock')}` }],
    ['a file where a socket should be', 'EADDRINUSE', { bind: `ipc://${inside('file')}` }],
    ['a path that is too long for ipc', 'ENAMETOOLONG', { bind: `ipc:///${'x'.repeat(120)}` }],
    ['a control socket in no folder', 'ENOENT', { control: inside('no/x.sock') }],
    ['options that do not fit together', 'ZSCALE_ERR_OPTIONS', { tlsCert: inside('file') }],
  ];

  it.each(refusals)('%s', async (_, code, options) => {
    const all = { bind: tcp, control: false, signals: false, logger: silent, ...options } as const;
    const refused = await refusalOf(scale(inside('handler.mjs'), { ...all, workers: 1 }));
    expect(await refusalOf(checkService(inside('handler.mjs'), all))).toEqual(refused);
    expect(refused).toMatchObject({ code });
    expect(existsSync(inside('none'))).toBe(false);
    expect(existsSync(inside('file'))).toBe(true);
  });

  it('a folder for temporary files that is none', async () => {
    const before = process.env.TMPDIR;
    process.env.TMPDIR = inside('file');
    try {
      const all = { bind: tcp, control: false, signals: false, logger: silent } as const;
      const { code, message } = Object(await refusalOf(scale(inside('handler.mjs'), all)));
      expect({ code, message }).toMatchObject({
        code: 'ENOTDIR',
        message: expect.stringContaining('Set TMPDIR'),
      });
      expect(await refusalOf(checkService(inside('handler.mjs'), all))).toEqual({ code, message });
    } finally {
      if (before === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = before;
    }
  });

  it('a number of workers in the environment that is none', async () => {
    const before = process.env.WEB_CONCURRENCY;
    process.env.WEB_CONCURRENCY = 'many';
    try {
      const refused = await refusalOf(scale(inside('handler.mjs'), { bind: tcp, signals: false }));
      expect(await refusalOf(checkService(inside('handler.mjs'), { bind: tcp }))).toEqual(refused);
      expect(refused).toMatchObject({ code: 'ZSCALE_ERR_OPTIONS' });
    } finally {
      if (before === undefined) delete process.env.WEB_CONCURRENCY;
      else process.env.WEB_CONCURRENCY = before;
    }
  });
});

describe('an address that is given twice is refused', () => {
  const port = 45_871;
  const place = `127.0.0.1:${port}`;
  const twice: readonly (readonly [string, ScaleOptions])[] = [
    ['to clients', { bind: [`tcp://${place}`, `tcp://${place}`] }],
    ['to clients of HTTP', { bind: [`http://${place}`, `http://${place}`] }],
    ['to clients and workers', { bind: `tcp://${place}`, backend: `tcp://${place}` }],
    ['to clients of HTTP and workers', { bind: `http://${place}`, backend: `tcp://${place}` }],
    ['to clients and the dashboard', { bind: `http://${place}`, admin: `http://${place}` }],
    ['as a file', { bind: [`ipc://${inside('a.sock')}`, `ipc://${inside('./a.sock')}`] }],
  ];

  it.each(twice)('%s', async (_, options) => {
    const all = { control: false, signals: false, logger: silent, ...options } as const;
    expect(await refusalOf(checkService(inside('handler.mjs'), all))).toMatchObject({
      code: 'EADDRINUSE',
      message: expect.stringContaining('is given twice'),
    });
  });

  it('but not ports that the system chooses', async () => {
    const all = { bind: [tcp, tcp, 'tcp://127.0.0.1:0'], control: false, logger: silent } as const;
    expect(await checkService(inside('handler.mjs'), all)).toMatchObject({ kind: 'handler' });
  });
});
