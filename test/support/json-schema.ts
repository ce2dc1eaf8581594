/*
 * Whether a value is as a JSON Schema says, for as much of JSON Schema as our pages use: type, enum, required, properties,
 * additionalProperties, items. A word that it does not know is an error: nothing passes for not having been understood.
 */
import { textOf } from './source-tree.ts';

type Schema = Readonly<Record<string, unknown>>;

const KNOWN = ['type', 'enum', 'required', 'properties', 'additionalProperties', 'items'];

/** The schemas of a page by the heading that they stand under; of several the first. */
export function schemasOf(page: string): ReadonlyMap<string, Schema> {
  const schemas = new Map<string, Schema>();
  for (const section of textOf(page).split(/^### /m).slice(1)) {
    const [heading = ''] = section.split('\n');
    const text = /```json\n([\s\S]*?)```/.exec(section)?.[1];
    if (text !== undefined) schemas.set(heading, JSON.parse(text));
  }
  return schemas;
}

/** What of a value is not as the schema says, in words; empty when all is. */
export function faultsOf(value: unknown, schema: unknown, at = '$'): readonly string[] {
  const rules = asRecord(schema);
  const unknown = Object.keys(rules).filter((word) => !KNOWN.includes(word));
  if (unknown.length > 0) throw new Error(`${at}: words that are not known: ${unknown}`);
  const type = typeOf(value);
  const types = [rules.type ?? type].flat();
  const isType = types.includes(type) || (type === 'integer' && types.includes('number'));
  if (!isType) return [`${at}: ${type}, and not ${types}`];
  if (Array.isArray(rules.enum) && !rules.enum.includes(value)) return [`${at}: ${value}`];
  if (Array.isArray(value)) {
    return value.flatMap((item, i) => faultsOf(item, rules.items ?? {}, `${at}[${i}]`));
  }
  return type === 'object' ? faultsOfObject(asRecord(value), rules, at) : [];
}

function faultsOfObject(value: Schema, rules: Schema, at: string): readonly string[] {
  const properties = asRecord(rules.properties ?? {});
  const missing = [rules.required ?? []]
    .flat()
    .filter((name) => !Object.hasOwn(value, String(name)))
    .map((name) => `${at}: no ${name}`);
  const others = rules.additionalProperties ?? {};
  const wrong = Object.entries(value).flatMap(([name, item]) => {
    const known = properties[name];
    if (known !== undefined) return faultsOf(item, known, `${at}.${name}`);
    return others === false ? [`${at}: ${name} too many`] : faultsOf(item, others, `${at}.${name}`);
  });
  return [...missing, ...wrong];
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return Number.isInteger(value) ? 'integer' : typeof value;
}

function asRecord(value: unknown): Schema {
  return Object.fromEntries(Object.entries(Object(value)));
}
