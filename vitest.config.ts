/*
 * Five projects, one per question: does a room work (unit), do we keep the protocol (spec), do we
 * talk with libzmq (interop), does the whole thing live and die well (system), is the house in
 * order (house).
 *
 * unit, spec and interop read the packages from src; system starts real processes and therefore
 * uses what `tsc --build` left in dist, as a user would.
 */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const sourceOf = (name: string, entry = 'index'): string =>
  fileURLToPath(new URL(`./packages/${name}/src/${entry}.ts`, import.meta.url));

const fromSource = {
  alias: [
    { find: /^@zscale\/transport$/, replacement: sourceOf('transport') },
    { find: /^@zscale\/transport\/draft$/, replacement: sourceOf('transport', 'draft') },
    { find: /^@zscale\/core$/, replacement: sourceOf('core') },
  ],
};

export default defineConfig({
  test: {
    pool: 'forks',
    // A hung test must end; a slow machine must not fail one. `until` gives up well before this.
    testTimeout: 20_000,
    hookTimeout: 20_000,
    teardownTimeout: 10_000,
    passWithNoTests: true,
    coverage: {
      provider: 'v8',
      include: ['packages/*/src/**/*.ts'],
      reporter: ['text-summary', 'html'],
      reportsDirectory: 'coverage',
      reportOnFailure: true,
    },
    projects: [
      {
        extends: true,
        resolve: fromSource,
        test: {
          name: 'unit',
          include: ['test/{transport,core,cli}/**/*.test.ts'],
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        resolve: fromSource,
        test: { name: 'spec', include: ['test/spec/**/*.test.ts'], sequence: { groupOrder: 0 } },
      },
      {
        extends: true,
        resolve: fromSource,
        test: {
          name: 'interop',
          include: ['test/interop/**/*.test.ts'],
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: 'house', include: ['test/house/**/*.test.ts'], sequence: { groupOrder: 0 } },
      },
      {
        extends: true,
        test: {
          name: 'system',
          include: ['test/system/**/*.test.ts'],
          // Each of these starts a family of processes: two families at a time, after all the rest.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          testTimeout: 60_000,
          hookTimeout: 60_000,
          server: { deps: { external: [/\/packages\/[^/]+\/dist\//] } },
        },
      },
    ],
  },
});
