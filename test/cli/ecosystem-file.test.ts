import { describe, expect, it } from 'vitest';
import { faultsOf } from '../../packages/cli/src/config-schema.ts';
import { isEcosystemFile, translateEcosystem } from '../../packages/cli/src/ecosystem-file.ts';

/** A file with one application of these keys. */
function translated(app: object) {
  const result = translateEcosystem({ apps: [{ script: './app.js', ...app }] }, undefined);
  expect(faultsOf(result.config)).toEqual([]);
  return result;
}

describe('a file of PM2', () => {
  it('is known by its name', () => {
    expect(['ecosystem.config.js', 'a/ecosystem.config.cjs'].every(isEcosystemFile)).toBe(true);
    expect(
      ['ecosystem.js', 'ecosystem.config.json', 'my-ecosystem.config.js'].some(isEcosystemFile),
    ).toBe(false);
  });

  it.each([
    [{ name: 'my app' }, { name: 'my-app' }],
    [{ args: '--a b' }, { args: ['--a', 'b'] }],
    [{ args: ['--a', 'b c'] }, { args: ['--a', 'b c'] }],
    [{ instances: 'max' }, { workers: 'auto' }],
    [{ instances: 0 }, { workers: 'auto' }],
    [{ instances: '4' }, { workers: 4 }],
    [{ exec_mode: 'cluster' }, {}],
    [{ env: { PORT: 3000, DEBUG: true } }, { env: { PORT: '3000', DEBUG: 'true' } }],
    [{ node_args: '--max-old-space-size=512' }, { execArgv: ['--max-old-space-size=512'] }],
    [{ interpreter: 'python3' }, { python: 'python3' }],
    [{ interpreter: 'node' }, {}],
    [{ max_memory_restart: '200M' }, { maxMemory: '200mb' }],
    [{ max_memory_restart: 1024 }, { maxMemory: 1024 }],
    [{ kill_timeout: 1600 }, { gracefulTimeout: 1600 }],
    [{ listen_timeout: '5s' }, { startTimeout: '5s' }],
    [{ max_restarts: 10 }, { maxRestarts: 10 }],
    [{ user: 'www-data' }, { user: 'www-data' }],
    [
      { uid: 33, gid: 'staff' },
      { user: '33', group: 'staff' },
    ],
    [{ watch: true }, { watch: true }],
    [{ watch: ['src', 'lib'] }, { watchPaths: ['src', 'lib'] }],
  ])('%o is %o', (app, config) => {
    expect(translated(app)).toEqual({
      config: { entry: './app.js', ...config },
      folder: undefined,
      ignored: [],
    });
  });

  it('starts its workers in the folder that it says, from which its paths are meant', () => {
    const { config, folder, ignored } = translated({ cwd: 'sub' });
    expect({ config, folder, ignored }).toEqual({
      config: { entry: './app.js', cwd: '.' },
      folder: 'sub',
      ignored: [],
    });
    expect(translated({ cwd: 5 }).ignored).toEqual(['cwd']);
  });

  it('names what means nothing here', () => {
    const { ignored } = translated({
      instances: -1,
      cron_restart: '0 0 * * *',
      env_production: {},
      interpreter: 'ruby',
      max_memory_restart: 'much',
      constructor: 'x',
    });
    expect(ignored).toEqual([
      'instances',
      'cron_restart',
      'env_production',
      'interpreter',
      'max_memory_restart',
      'constructor',
    ]);
  });

  it('with several applications wants to know which', () => {
    const apps = [
      { name: 'a', script: 'a.js' },
      { name: 'b', script: 'b.js' },
    ];
    expect(translateEcosystem({ apps }, 'b').config).toEqual({ name: 'b', entry: 'b.js' });
    expect(() => translateEcosystem({ apps }, undefined)).toThrow(
      '2 applications (a, b); say which one with --name',
    );
    expect(() => translateEcosystem({ apps }, 'c')).toThrow('--name');
    expect(() => translateEcosystem({ apps: [{ name: 'a' }] }, undefined)).toThrow('no script');
    expect(() => translateEcosystem({ apps: 5 }, undefined)).toThrow('--name');
  });
});
