/**
 * What a config file may hold: the check of its shape, and the same as JSON schema.
 *
 * Owns the only use of zod. The schema is made of the table of settings; what the texts and numbers in it mean is read by the kinds
 * of settings, and whether they are in range is core's to say.
 */
import { nearestName } from '@zscale/core';
import { z } from 'zod';
import type { Shape } from './setting-kinds.ts';
import { SETTINGS, type Setting, valueAt } from './settings.ts';

/** Where the schema of a JSON file may be named. */
const SCHEMA_KEY = '$schema';

/** Each shape, in the words of an error. */
const EXPECTED: Readonly<Record<Shape['type'], string>> = {
  boolean: 'true or false',
  text: 'a text',
  quantity: 'a number, or a text such as 5s, 64mb or off',
  choice: 'one of',
  list: 'a text, or a list of texts',
  assignments: 'an object whose values are texts',
  pools: "an object of pools, { name: { workers: 2, routes: ['pattern'] } }",
  range: "a text such as '2-8', or { min: 2, max: 8 }",
  'text-or-false': 'a text, or false',
  function: 'a function',
};

/**
 * What is wrong with the shape of a config, one line each: the key, what was expected, what came. Empty when nothing is.
 *
 * @param config - what the file holds
 */
export function faultsOf(config: unknown): readonly string[] {
  const result = schema().safeParse(config);
  if (result.success) return [];
  return result.error.issues.flatMap((issue) => {
    const [key] = issue.path;
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((name) => describeUnknown([...issue.path, name].join('.')));
    }
    if (key === undefined) return [`the config must be an object; got ${describeValue(config)}.`];
    const name = keyOf(issue.path);
    const setting = SETTINGS.find((one) => one.key === name);
    const expected = setting === undefined ? 'an object' : describeShape(setting.kind.shape);
    return [`${name} takes ${expected}; got ${describeValue(valueAt(config, name))}.`];
  });
}

/** The JSON schema of config files, for editors. */
export function jsonSchemaOfConfig(): object {
  return z.toJSONSchema(schema({ ofText: true }), { io: 'input', target: 'draft-7' });
}

function schema({ ofText = false }: { readonly ofText?: boolean } = {}): z.ZodType {
  const shape: Record<string, z.ZodType> = {
    [SCHEMA_KEY]: z.string().optional().describe('The schema of this file'),
  };
  const nested: Record<string, Record<string, z.ZodType>> = {};
  for (const setting of SETTINGS) {
    if (ofText && setting.kind.shape.type === 'function') continue;
    const [outer = '', inner] = setting.key.split('.');
    const type = typeOf(setting.kind.shape, ofText).describe(describeSetting(setting)).optional();
    if (inner === undefined) shape[outer] ??= type;
    else {
      nested[outer] ??= {};
      nested[outer][inner] ??= type;
    }
  }
  for (const [outer, keys] of Object.entries(nested)) {
    shape[outer] = z.strictObject(keys).optional();
  }
  return z.strictObject(shape);
}

function typeOf(shape: Shape, ofText: boolean): z.ZodType {
  switch (shape.type) {
    case 'boolean':
      return z.boolean();
    case 'text':
      return z.string();
    case 'quantity':
      // JSON has no Infinity: "off" means it.
      return ofText
        ? z.union([z.number(), z.string()])
        : z.union([z.number(), z.literal(Number.POSITIVE_INFINITY), z.string()]);
    case 'choice':
      return z.enum(shape.choices);
    case 'list':
      return z.union([z.string(), z.array(z.string())]);
    case 'assignments':
      return z.record(z.string(), z.string());
    case 'pools':
      return z.record(
        z.string(),
        z.strictObject({ workers: z.number(), routes: z.array(z.string()) }),
      );
    case 'range':
      return z.union([z.string(), z.strictObject({ min: z.number(), max: z.number() })]);
    case 'text-or-false':
      return z.union([z.string(), z.literal(false)]);
    case 'function':
      return z.custom((value) => typeof value === 'function');
  }
}

function describeSetting({ doc, default: usual, flags, opposite }: Setting): string {
  const flag = [flags, opposite?.flags].filter(Boolean).join(', ');
  const words = usual === undefined ? doc : `${doc} (default: ${usual})`;
  return flag === '' ? words : `${flag}: ${words}`;
}

function describeShape(shape: Shape): string {
  return shape.type === 'choice' ? `one of ${shape.choices.join(', ')}` : EXPECTED[shape.type];
}

function describeUnknown(key: string): string {
  const known = SETTINGS.map((setting) => setting.key);
  const nearest = nearestName(key, known);
  const advice =
    nearest === undefined
      ? 'See "zscale config --schema" for those there are.'
      : `Did you mean ${nearest}?`;
  return `there is no setting ${key}. ${advice}`;
}

/** The setting that an issue is about: of one inside an object with its object, of what is deeper the one around it. */
function keyOf(path: readonly PropertyKey[]): string {
  const [outer = '', inner] = path.map(String);
  return SETTINGS.some(({ key }) => key === outer) || inner === undefined
    ? outer
    : `${outer}.${inner}`;
}

/** A value as its writer would recognise it; of objects not what is in them, which may be secret. */
function describeValue(value: unknown): string {
  if (typeof value === 'string') return `"${value.length > 60 ? `${value.slice(0, 59)}…` : value}"`;
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'object' && value !== null) return 'an object';
  return value === undefined ? 'nothing' : String(value);
}
