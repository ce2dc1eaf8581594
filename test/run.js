/*
 * What `pnpm test` runs: lint, build, type check of tests and tools, then every test with coverage.
 * All stages run even when one failed, so that one run tells everything. Arguments go to vitest:
 * `pnpm test transport`, `pnpm test --project spec`.
 *
 * The last line is `N passed, N failed`; a stage that failed counts as one failure. The exit code
 * is 1 when anything failed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const binaries = join(root, 'node_modules', '.bin');
/** Its tests are skipped where there is no Python with pyzmq, unless REQUIRE_PYZMQ is 1. */
const INTEROP = 'test/interop/';
const report = join(root, 'coverage', 'tests.json');

/** Runs one tool to its end with its output shown; true when it ended with 0. */
function run(title, tool, args) {
  console.log(`\n== ${title}: ${tool} ${args.join(' ')}`);
  const { status, error } = spawnSync(join(binaries, tool), args, { cwd: root, stdio: 'inherit' });
  if (error !== undefined) console.error(`${title}: cannot start ${tool}: ${error.message}`);
  return status === 0;
}

/** The tests as vitest's JSON reporter wrote them, flat; undefined when it wrote nothing. */
function readReport() {
  if (!existsSync(report)) return undefined;
  const { testResults } = JSON.parse(readFileSync(report, 'utf8'));
  return testResults.map(({ name, status, message, assertionResults }) => ({
    file: relative(root, name),
    status,
    message,
    tests: assertionResults,
  }));
}

/** Counts one run: a file that failed before its first test counts as one failure. */
function count(files) {
  let passed = 0;
  const failures = [];
  const notRun = new Map();
  for (const { file, status, message, tests } of files) {
    const before = failures.length;
    for (const test of tests) {
      if (test.status === 'passed') passed += 1;
      else if (test.status === 'failed') failures.push(`${file}: ${test.fullName}`);
      else {
        notRun.set(file, (notRun.get(file) ?? 0) + 1);
      }
    }
    if (status === 'failed' && failures.length === before) {
      failures.push(`${file}: ${message || 'the file could not be run'}`);
    }
  }
  return { passed, failures, notRun };
}

rmSync(report, { force: true });

const stages = [
  ['lint', 'biome', ['check']],
  ['build', 'tsc', ['--build']],
  ['type check', 'tsc', ['--project', 'tsconfig.tools.json']],
];
const failures = [];
for (const [title, tool, args] of stages) {
  if (!run(title, tool, args)) failures.push(`${title} failed (its output is above)`);
}

const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
const ended = run('tests', 'vitest', [
  'run',
  '--coverage',
  ...reporters,
  ...process.argv.slice(2).filter((arg) => arg !== '--'),
]);

const files = readReport();
const counted = count(files ?? []);
failures.push(...counted.failures);
if (files === undefined) failures.push('vitest ended without a report');
else if (!ended && counted.failures.length === 0) {
  failures.push('vitest reported an error outside of any test (its output is above)');
}

if (counted.notRun.size > 0) {
  console.log('\nNot run:');
  for (const [file, tests] of counted.notRun) {
    console.log(`  ${tests} ${tests === 1 ? 'test' : 'tests'} of ${file}`);
  }
  if ([...counted.notRun.keys()].some((file) => file.startsWith(INTEROP))) {
    console.log(
      `Those of ${INTEROP} need pyzmq: install python3-zmq, or set PYTHON to one that has it.`,
    );
  }
}
if (failures.length > 0) {
  console.log('\nFailed:');
  for (const failure of failures) console.log(`  ${failure}`);
}
process.exitCode = failures.length > 0 ? 1 : 0;
console.log(`\n${counted.passed} passed, ${failures.length} failed`);
