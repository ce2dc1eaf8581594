/** `zscale config`: each setting as it counts, and where that was said. */
import { EXIT_CODES } from '../failure.ts';
import type { ConfigInvocation } from '../invocation.ts';
import type { Output } from '../output.ts';
import type { Setting } from '../settings.ts';
import { describeOrigin, type Origin, type Settled } from '../settings-origin.ts';
import { formatTable } from '../tables.ts';

/** One line of it. */
interface Shown {
  readonly key: string;
  /** Null where it is secret, or cannot be written. */
  readonly value: unknown;
  readonly origin: Origin;
  /** The value for people. */
  readonly text: string;
}

/** Prints the settings, or the schema of config files. Resolves with the exit code. */
export async function config(
  { form, json, settlement }: ConfigInvocation,
  output: Output,
): Promise<number> {
  if (form === 'schema') {
    const { jsonSchemaOfConfig } = await import('../config-schema.ts');
    output.print(JSON.stringify(jsonSchemaOfConfig(), undefined, json ? 0 : 2));
    return EXIT_CODES.ok;
  }
  const all = [...settlement.values()].flatMap(showSettled);
  const shown = form === 'effective' ? all : all.filter(({ origin }) => origin.from !== 'default');
  if (json) {
    const settings = shown.map(({ key, value, origin }) => ({ key, value, ...origin }));
    output.print(JSON.stringify({ settings }));
  } else if (shown.length === 0) {
    output.print('every setting is at its default; --effective shows them.');
  } else {
    const rows = shown.map(({ key, text, origin }) => [key, text, describeOrigin(origin)]);
    output.print(formatTable(['SETTING', 'VALUE', 'FROM'], rows));
  }
  return EXIT_CODES.ok;
}

/** Of environment variables only the names: their values may be secret. */
function showSettled({ setting, value, origin, parts }: Settled): readonly Shown[] {
  if (parts.size > 0) {
    return [...parts].map(([name, from]) => ({
      key: `${setting.key}.${name}`,
      value: null,
      origin: from,
      text: '(not shown)',
    }));
  }
  const plain = value === Number.POSITIVE_INFINITY ? 'off' : value;
  const written = typeof plain === 'function' ? null : (plain ?? null);
  return [{ key: setting.key, value: written, origin, text: textOf(setting, value) }];
}

function textOf({ kind, default: usual }: Setting, value: unknown): string {
  if (value === undefined) return usual ?? '-';
  if (value === Number.POSITIVE_INFINITY || value === false)
    return kind.shape.type === 'boolean' ? 'false' : 'off';
  if (typeof value === 'function') return '(a function)';
  if (typeof value === 'number') return kind.show?.(value) ?? String(value);
  if (Array.isArray(value)) return value.join(', ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
