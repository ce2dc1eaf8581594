/**
 * Where the time went, by a CPU profile as V8 writes it (.cpuprofile): for a first look without a viewer. Pure.
 */

/** A function, and how much of the time it had. */
export interface HotFunction {
  readonly name: string;
  /** `file:line`; empty for what is none of JavaScript's. */
  readonly place: string;
  /** In itself, without what it called: a part of the whole, 0 to 1. */
  readonly self: number;
}

/** What V8 calls the time in which nothing ran. */
const IDLE = '(idle)';

/**
 * The functions that had the most time in themselves, the hottest first, and how much of the time nothing ran.
 *
 * @param text - the file
 * @param most - how many
 * @throws Error when it is no such profile
 */
export function hottest(
  text: string,
  most: number,
): { readonly functions: readonly HotFunction[]; readonly idle: number } {
  const profile: unknown = JSON.parse(text);
  const nodes = new Map(
    listIn(profile, 'nodes').map((node) => [Reflect.get(Object(node), 'id'), node]),
  );
  const deltas = listIn(profile, 'timeDeltas');
  const times = new Map<string, number>();
  let whole = 0;
  listIn(profile, 'samples').forEach((id, i) => {
    const frame: unknown = Reflect.get(Object(nodes.get(id)), 'callFrame');
    // The time until the next sample is that of this one.
    const time = Math.max(0, Number(deltas[i + 1] ?? 0));
    const key = JSON.stringify([nameOf(frame), placeOf(frame)]);
    times.set(key, (times.get(key) ?? 0) + time);
    whole += time;
  });
  const functions = [...times]
    .map(([key, time]) => {
      const [name = '', place = '']: string[] = JSON.parse(key);
      return { name, place, self: whole === 0 ? 0 : time / whole };
    })
    .sort((one, other) => other.self - one.self);
  return {
    functions: functions.filter(({ name, self }) => name !== IDLE && self > 0).slice(0, most),
    idle: functions.find(({ name }) => name === IDLE)?.self ?? 0,
  };
}

function nameOf(frame: unknown): string {
  const name: unknown = Reflect.get(Object(frame), 'functionName');
  return typeof name === 'string' && name !== '' ? name : '(anonymous)';
}

function placeOf(frame: unknown): string {
  const url: unknown = Reflect.get(Object(frame), 'url');
  if (typeof url !== 'string' || url === '') return '';
  return `${url.replace(/^file:\/\//, '')}:${Number(Reflect.get(Object(frame), 'lineNumber')) + 1}`;
}

function listIn(profile: unknown, name: string): readonly unknown[] {
  const list: unknown = Reflect.get(Object(profile), name);
  if (Array.isArray(list)) return list;
  throw new Error(`no CPU profile: ${name} is missing`);
}
