/*
 * What `pnpm test` runs: lint, build, type check of tests and tools, then every test with coverage.
 * All stages run even when one failed, so that one run tells everything. Arguments go to vitest:
 * `pnpm test transport`, `pnpm test --project spec`.
 *
 * Tests of whole families of processes that failed are run once more, by themselves: what passes then is
 * listed as unsteady, which is a fault to be found, and not as failed. Many at once are no accident and stay
 * failed.
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
const secondReport = join(root, 'coverage', 'tests-again.json');
/** Their tests start many processes, which a machine may leave waiting for longer than any deadline. */
const UNSTEADY = ['test/system/', 'test/interop/'];
/** More failures than this are no accident. */
const MAX_UNSTEADY = 3;

/** Runs one tool to its end with its output shown; true when it ended with 0. */
function run(title, tool, args) {
  console.log(`\n== ${title}: ${tool} ${args.join(' ')}`);
  const { status, error } = spawnSync(join(binaries, tool), args, { cwd: root, stdio: 'inherit' });
  if (error !== undefined) console.error(`${title}: cannot start ${tool}: ${error.message}`);
  return status === 0;
}

/** The tests as vitest's JSON reporter wrote them, flat; undefined when it wrote nothing. */
function readReport(file) {
  if (!existsSync(file)) return undefined;
  const { testResults } = JSON.parse(readFileSync(file, 'utf8'));
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

/** Files with failures, when all of them are such as may fail by accident; else none. */
function unsteadyFiles(files) {
  const failed = files.filter(({ status }) => status === 'failed');
  const { failures } = count(failed);
  const mayBe = failed.every(({ file }) => UNSTEADY.some((folder) => file.startsWith(folder)));
  return mayBe && failures.length <= MAX_UNSTEADY ? failed.map(({ file }) => file) : [];
}

function reportersTo(file) {
  return ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
}

for (const file of [report, secondReport]) rmSync(file, { force: true });

const stages = [
  ['lint', 'biome', ['check']],
  ['build', 'tsc', ['--build']],
  ['type check', 'tsc', ['--project', 'tsconfig.tools.json']],
];
const failures = [];
for (const [title, tool, args] of stages) {
  if (!run(title, tool, args)) failures.push(`${title} failed (its output is above)`);
}

let ended = run('tests', 'vitest', [
  'run',
  '--coverage',
  ...reportersTo(report),
  ...process.argv.slice(2).filter((arg) => arg !== '--'),
]);

let files = readReport(report);
const again = ended ? [] : unsteadyFiles(files ?? []);
let unsteady = [];
if (again.length > 0) {
  ended = run('once more', 'vitest', ['run', ...reportersTo(secondReport), ...again]);
  const second = readReport(secondReport) ?? [];
  const { failures: first } = count(files);
  files = [...files.filter(({ file }) => !again.includes(file)), ...second];
  const still = count(files).failures;
  unsteady = first.filter((failure) => !still.includes(failure));
}
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
if (unsteady.length > 0) {
  console.log('\nUnsteady, failed once and passed by themselves (find out why):');
  for (const failure of unsteady) console.log(`  ${failure}`);
}
if (failures.length > 0) {
  console.log('\nFailed:');
  for (const failure of failures) console.log(`  ${failure}`);
}
process.exitCode = failures.length > 0 ? 1 : 0;
console.log(`\n${counted.passed} passed, ${failures.length} failed`);
