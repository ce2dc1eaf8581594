/*
 * What is written about the code is true of the code: exports, options, error codes, flags, the
 * map, and every link.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { codeOf, filesUnder, modules, ROOT, textOf } from '../support/source-tree.ts';

const all = modules();

/** libzmq's own names, which no operating system has. */
const LIBZMQ_CODES = ['EFSM', 'ETERM', 'ENOCOMPATPROTO', 'EMTHREAD'];
const ERRNO_CODES = new Set([...Object.keys(constants.errno), ...LIBZMQ_CODES]);

/** Codes in string literals, without those that are only compared with. */
function codesIn(path: string): string[] {
  const code = codeOf(path).replaceAll(/(?:[!=]==\s*|case\s+)'[A-Z_0-9]+'/g, '');
  return [...code.matchAll(/['"`]((?:ZSCALE_ERR|ERR_ZMTP)_[A-Z_]+|E[A-Z0-9]{2,})['"`]/g)]
    .map(([, found]) => found ?? '')
    .filter((found) => found.includes('_') || ERRNO_CODES.has(found));
}

/** Whether `name` stands in `text` as a word of code. */
function mentions(text: string, name: string): boolean {
  return new RegExp(`(^|[^\\w-])${name}($|[^\\w-])`, 'm').test(text);
}

/** Names of the optional properties of an interface. */
function optionsOf(path: string, interfaceName: string): string[] {
  const code = codeOf(path);
  const start = code.indexOf(`interface ${interfaceName} `);
  if (start < 0) throw new Error(`${path} has no interface ${interfaceName}`);
  const body = code.slice(start, code.indexOf('\n}', start));
  return [...body.matchAll(/^ {2}(?:readonly )?(\w+)\?:/gm)].map(([, name]) => name ?? '');
}

describe('source', () => {
  it('every module starts with a comment that says what it owns', () => {
    expect(all.filter(({ path }) => !/^\/\*/.test(textOf(path))).map(({ path }) => path)).toEqual(
      [],
    );
  });

  it('every export is documented where it is declared', () => {
    const declaration =
      /^export (?:declare |abstract |async )*(?:class|function\*?|const|let|interface|type) (\w+)/;
    const undocumented = all.flatMap(({ path }) => {
      const lines = textOf(path).split('\n');
      const exported = new Map<string, boolean>();
      for (const [i, line] of lines.entries()) {
        const name = declaration.exec(line)?.[1];
        if (name === undefined) continue;
        // An interface that merges with a class is documented once, at either.
        exported.set(name, exported.get(name) || (lines[i - 1] ?? '').trimEnd().endsWith('*/'));
      }
      return [...exported]
        .filter(([, isDocumented]) => !isDocumented)
        .map(([name]) => `${path}: ${name}`);
    });
    expect(undocumented).toEqual([]);
  });

  it('notes to come back to are not left in the code', () => {
    const left = all.filter(({ path }) => /\b(TODO|FIXME|XXX)\b/.test(textOf(path)));
    expect(left.map(({ path }) => path)).toEqual([]);
  });
});

describe('docs/reference', () => {
  it.each([
    ['options.md', 'packages/core/src/options.ts', 'ScaleOptions'],
    ['options.md', 'packages/core/src/http-options.ts', 'HttpOptions'],
    ['sockets.md', 'packages/transport/src/options.ts', 'CommonOptions'],
    ['sockets.md', 'packages/transport/src/options.ts', 'WritableOptions'],
    ['sockets.md', 'packages/transport/src/options.ts', 'ReadableOptions'],
    ['sockets.md', 'packages/transport/src/options.ts', 'PatternOptions'],
    ['sockets.md', 'packages/transport/src/context.ts', 'ContextOptions'],
  ])('%s has every option of %s, %s', (pageName, path, interfaceName) => {
    const options = optionsOf(path, interfaceName);
    expect(options.length).toBeGreaterThan(0);
    const page = textOf(`docs/reference/${pageName}`);
    expect(options.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  });

  it('sockets.md has every event', () => {
    const page = textOf('docs/reference/sockets.md');
    const events = [...codeOf('packages/transport/src/monitor-event.ts').matchAll(/<'([a-z:]+)'/g)];
    expect(events.length).toBeGreaterThan(10);
    expect(events.filter(([, name]) => !new RegExp(`\\| \`${name}\` +\\|`).test(page))).toEqual([]);
  });

  it('errors.md, or the page of endpoints it leads to, has every error code', () => {
    const page = textOf('docs/reference/errors.md') + textOf('docs/reference/endpoints.md');
    const missing = all.flatMap(({ path }) =>
      codesIn(path)
        .filter((code) => !mentions(page, code))
        .map((code) => `${code} (${path})`),
    );
    expect([...new Set(missing)]).toEqual([]);
  });

  it('errors.md has no error code that nobody raises', () => {
    const raised = new Set(all.flatMap(({ path }) => codesIn(path)));
    const named = textOf('docs/reference/errors.md').match(/\b(?:ZSCALE_ERR|ERR_ZMTP)_[A-Z_]+\b/g);
    expect([...new Set(named)].filter((code) => !raised.has(code))).toEqual([]);
  });

  it('cli.md has every flag, and no other', () => {
    const flag = /(?<![\w-])--[a-z][a-z0-9-]*/g;
    const page = textOf('docs/reference/cli.md');
    const declared = new Set(
      all
        .filter(({ path }) =>
          /^packages\/cli\/src\/(args|settings|[a-z]+-(commands?|row))\.ts$/.test(path),
        )
        .flatMap(({ path }) => [...codeOf(path).matchAll(/'(?:-\w, )?(--[a-z0-9-]+)/g)])
        .map(([, name]) => name ?? ''),
    );
    expect(declared.size).toBeGreaterThan(0);
    expect([...declared].filter((name) => !mentions(page, name))).toEqual([]);
    const written = new Set([...page.matchAll(flag)].map(([name]) => name));
    expect([...written].filter((name) => !declared.has(name))).toEqual([]);
  });
});

describe('docs/map.md', () => {
  const map = textOf('docs/map.md');

  it('names only files that exist', () => {
    const named = [...map.matchAll(/(?<![\w./-])[\w-]+(?:\/[\w-]+)*\.(?:ts|md)(?![\w-])/g)];
    const sources = all.map(({ path }) => path);
    const missing = named
      .map(([name]) => name)
      .filter((name) => !sources.some((path) => path.replace('/src/', '/').endsWith(`/${name}`)))
      .filter((name) => !sources.some((path) => path.endsWith(`/${name}`)))
      .filter((name) => !existsSync(join(ROOT, 'docs', name)));
    expect([...new Set(missing)]).toEqual([]);
  });

  it('names only rooms that exist', () => {
    const named = [...map.matchAll(/`((?:transport|core|cli)\/[a-z-]+\/)`/g)];
    const missing = named
      .map(([, name]) => (name ?? '').replace('/', '/src/'))
      .filter((path) => !existsSync(join(ROOT, 'packages', path)));
    expect(missing).toEqual([]);
  });

  it('mentions every room', () => {
    const rooms = new Set(all.flatMap(({ room }) => room ?? []));
    expect([...rooms].filter((room) => !mentions(map, room))).toEqual([]);
  });

  it('mentions every file of a top or ground floor', () => {
    const files = all.filter(({ room, file }) => room === undefined && file !== 'index.ts');
    const missing = files.filter(({ file }) => !mentions(map, file.replace('.ts', '')));
    const isNamedWithOthers = /fifo \.\.\./.test(map);
    expect(
      missing
        .filter(({ packageName }) => !(packageName === 'transport' && isNamedWithOthers))
        .map(({ path }) => path),
    ).toEqual([]);
  });
});

describe('every page', () => {
  const pages = [
    ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
    ...[...filesUnder('docs'), ...filesUnder('examples'), ...filesUnder('bench')].filter((path) =>
      path.endsWith('.md'),
    ),
  ];

  /** The anchor GitHub makes of a heading. */
  const anchorOf = (heading: string): string =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .trim()
      .replaceAll(/\s/g, '-');

  const anchorsOf = (path: string): string[] =>
    [...textOf(path).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchorOf(heading ?? ''));

  it('links only to what is there', () => {
    const broken = pages.flatMap((page) =>
      [...textOf(page).matchAll(/\]\(([^)\s]+)\)/g)]
        .map(([, target]) => target ?? '')
        .filter((target) => !/^[a-z]+:/.test(target))
        .filter((target) => {
          const [path = '', anchor] = target.split('#');
          const file = path === '' ? page : join(dirname(page), path);
          if (!existsSync(join(ROOT, file))) return true;
          return anchor !== undefined && !anchorsOf(file).includes(anchor);
        })
        .map((target) => `${page}: ${target}`),
    );
    expect(broken).toEqual([]);
  });

  it('is there for each example, and says how to start it', () => {
    const examples = readdirSync(join(ROOT, 'examples')).filter((name) =>
      statSync(join(ROOT, 'examples', name)).isDirectory(),
    );
    expect(examples.length).toBeGreaterThan(0);
    const silent = examples.filter((name) => {
      const page = join(ROOT, 'examples', name, 'README.md');
      return !existsSync(page) || !/^(```| {4}\S)/m.test(textOf(`examples/${name}/README.md`));
    });
    expect(silent).toEqual([]);
  });
});
