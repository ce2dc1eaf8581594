import { chmodSync, existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import {
  controlFolders,
  controlPaths,
  listControlPaths,
  makeControlFolder,
  removeControlFolder,
} from '../../../packages/core/src/control/control-path.ts';
import { freshFolder } from '../../support/programs.ts';

it('looks in XDG_RUNTIME_DIR first, unless that is no absolute path, and in a folder of the user', () => {
  vi.stubEnv('TMPDIR', '/somewhere');
  const own = `/somewhere/zscale-${process.getuid?.()}`;
  expect(controlFolders({ XDG_RUNTIME_DIR: '/run/user/7' })).toEqual(['/run/user/7/zscale', own]);
  expect(controlFolders({ XDG_RUNTIME_DIR: 'run' })).toEqual([own]);
  expect(controlFolders({})).toEqual([own]);
  vi.unstubAllEnvs();
});

it('makes a folder for its user alone, and passes over one that others can enter, or a link', () => {
  const parent = freshFolder();
  const [open, link, own] = ['open', 'link', 'own'].map((name) => join(parent, name));
  if (open === undefined || link === undefined || own === undefined) throw new Error('no paths');
  mkdirSync(open);
  chmodSync(open, 0o770);
  mkdirSync(join(parent, 'target'), { mode: 0o700 });
  symlinkSync(join(parent, 'target'), link);
  expect(makeControlFolder([join(parent, 'no', 'parent'), open, link, own])).toBe(own);
  expect(statSync(own).mode & 0o777).toBe(0o700);
  expect(makeControlFolder([own])).toBe(own);
  expect(() => makeControlFolder([open, link])).toThrow(/is not this user's alone \(mode 0700\)/);
  expect(listControlPaths([open, link])).toEqual([]);
});

it('finds sockets by name, and nothing else in the folder; removes it only when it is empty', () => {
  const folder = makeControlFolder([join(freshFolder(), 'own')]);
  for (const file of ['web.sock', 'api~2.sock', 'api.sock', 'notes.txt']) {
    writeFileSync(join(folder, file), '');
  }
  expect(listControlPaths([folder]).map(({ name }) => name)).toEqual(['api', 'api~2', 'web']);
  removeControlFolder(folder);
  expect(existsSync(folder)).toBe(true);
});

it('tries the name, and then the name with a number; a path that no socket can have is refused', () => {
  const paths = controlPaths('/run/zscale', 'api');
  expect(paths.next().value).toEqual({ name: 'api', path: '/run/zscale/api.sock' });
  expect(paths.next().value).toEqual({ name: 'api~2', path: '/run/zscale/api~2.sock' });
  expect(() => controlPaths(`/${'x'.repeat(100)}`, 'api').next()).toThrow(/too long for a socket/);
});
