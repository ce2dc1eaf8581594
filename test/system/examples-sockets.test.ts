/*
 * The examples of single socket patterns, started as their READMEs say, in both languages on either side.
 */
import { describe, expect, it } from 'vitest';
import { Program } from '../support/cli.ts';
import { freshTcp } from '../support/endpoints.ts';
import { isPyzmqRequired, python } from '../support/their-peer.ts';
import { until } from '../support/until.ts';

/** Starts an example in TypeScript or Python, by its file name. */
function example(file: string, ...args: string[]): Program {
  // As `tsx` runs it, but in one process: the other one would survive when this is killed.
  return file.endsWith('.py')
    ? new Program(python ?? 'python3', [`examples/${file}`, ...args])
    : new Program(process.execPath, ['--import', 'tsx', `examples/${file}`, ...args]);
}

/** What a program has printed so far, without the line that is not complete. */
function linesOf({ stdout }: Program): string[] {
  return stdout.split('\n').slice(0, -1);
}

/** Without pyzmq those with Python are skipped, except in the run that requires it. */
function isSkipped(...files: string[]): boolean {
  return python === undefined && !isPyzmqRequired && files.some((file) => file.endsWith('.py'));
}

describe('the football broadcast', () => {
  /** What the publisher told under these prefixes, in order. */
  const toldBy = (publisher: Program, prefixes: string[]): string[] =>
    linesOf(publisher)
      .slice(1) // where it broadcasts
      .filter((line) => prefixes.some((prefix) => line.startsWith(prefix)));

  /** Checks that these lines, from the first on, are all that was told under the prefixes. */
  async function expectAll(lines: string[], publisher: Program, prefixes: string[]) {
    const [first = 'nothing'] = lines;
    // A subscriber may be ahead of what the publisher prints.
    const told = await until(() => {
      const all = toldBy(publisher, prefixes);
      const start = all.indexOf(first);
      return start >= 0 && all.length - start >= lines.length && all.slice(start);
    }, `the publisher to print ${first}, and all that follows`);
    expect(lines).toEqual(told.slice(0, lines.length));
  }

  const casts = [
    { publisher: 'publisher.ts', subscribers: ['subscriber.ts', 'subscriber.ts'] },
    { publisher: 'publisher.ts', subscribers: ['subscriber.py', 'subscriber.ts'] },
    { publisher: 'publisher.py', subscribers: ['subscriber.ts', 'subscriber.py'] },
  ];
  for (const { publisher: file, subscribers } of casts) {
    const [early = '', late = ''] = subscribers;
    const title = `${file} reaches ${early} and, late, ${late} with what they follow, and nothing else`;
    it.skipIf(isSkipped(file, early, late))(title, async () => {
      const endpoint = await freshTcp();
      const match = example(`04-broadcast/${early}`, endpoint, 'match/1/');
      const goals = example(`04-broadcast/${early}`, endpoint, 'match/2/goal', 'match/3/goal');
      const publisher = example(`04-broadcast/${file}`, endpoint);
      await publisher.printed(/^broadcasting at tcp:\S+\n/);
      await match.printed(/^match\/1\/\w+ {2}minute \d+, \d+:\d+\n/);
      const everything = example(`04-broadcast/${late}`, endpoint);
      await until(() => linesOf(everything).length >= 4, 'the late joiner to see four events');
      await goals.printed(/^match\/[23]\/goal {2}minute \d+, \d+:\d+\n/);

      await expectAll(linesOf(match), publisher, ['match/1/']);
      await expectAll(linesOf(goals), publisher, ['match/2/goal', 'match/3/goal']);
      await expectAll(linesOf(everything), publisher, ['match/']);
      const told = toldBy(publisher, ['match/']);
      const [firstOfMatch = '', firstOfAll = ''] = [match, everything].map((it) => linesOf(it)[0]);
      expect(told.indexOf(firstOfAll)).toBeGreaterThan(told.indexOf(firstOfMatch));
    });
  }

  it('a publisher that is started again has its subscribers back', async () => {
    const endpoint = await freshTcp();
    const first = example('04-broadcast/publisher.ts', endpoint);
    const subscriber = example('04-broadcast/subscriber.ts', endpoint, 'match/3/');
    await subscriber.printed(/minute/);
    await first.close();
    const second = example('04-broadcast/publisher.ts', endpoint);
    const before = new Set(linesOf(first)); // by chance the second one may begin alike
    await until(() => {
      const told = toldBy(second, ['match/3/']).filter((line) => !before.has(line));
      return told.some((line) => linesOf(subscriber).includes(line));
    }, 'an event of the second publisher');
  });
});

describe('the pipeline', () => {
  const casts = [
    { workers: ['worker.ts', 'worker.ts'], collector: 'collector.ts' },
    { workers: ['worker.ts', 'worker.py'], collector: 'collector.ts' },
    { workers: ['worker.ts', 'worker.py'], collector: 'collector.py' },
  ];
  for (const { workers: files, collector: file } of casts) {
    const title = `${files.join(' and ')} do half of the jobs each, and ${file} has every result`;
    it.skipIf(isSkipped(file, ...files))(title, async () => {
      const [source, sink] = [await freshTcp(), await freshTcp()];
      const workers = files.map((each) => example(`05-pipeline/${each}`, source, sink));
      const jobs = example('05-pipeline/jobs.ts', '2', source);
      const collector = example(`05-pipeline/${file}`, sink);

      expect(await jobs.end()).toMatchObject({
        exitCode: 0,
        stderr: '',
        stdout: `jobs at ${source}, for 2 workers\n100 jobs are on their way\n`,
      });
      const end = await collector.end();
      expect(end).toMatchObject({ exitCode: 0, stderr: '' });
      const [where, first, second, sum] = end.stdout.split('\n');
      expect(where).toBe(`collecting at ${sink}`);
      const names = workers.map(({ stdout }) => stdout.slice(0, stdout.indexOf(' works')));
      expect([first, second].sort()).toEqual(names.map((name) => `${name} did 50 jobs`).sort());
      // There are 78498 primes below a million: no job was lost, none was done twice.
      expect(sum).toMatch(/^78498 primes; \d+ ms of work in \d+ ms$/);
    });
  }

  it('deals only when as many workers are there as it was told', async () => {
    const [source, sink] = [await freshTcp(), await freshTcp()];
    const jobs = example('05-pipeline/jobs.ts', '3', source);
    const collector = example('05-pipeline/collector.ts', sink);
    const workers = [1, 2].map(() => example('05-pipeline/worker.ts', source, sink));
    for (const worker of workers) await worker.printed(/works for/);
    await jobs.printed(/for 3 workers/);
    workers.push(example('05-pipeline/worker.ts', source, sink));
    const { stdout } = await collector.end();
    const counts = [...stdout.matchAll(/did (\d+) jobs/g)].map(([, count]) => Number(count));
    expect(counts.sort()).toEqual([33, 33, 34]);
  });
});

describe('the game of two', () => {
  const GAME = [
    'white: e4',
    'black: e5',
    'white: Qh5',
    'black: Nc6',
    'white: Bc4',
    'black: Nf6',
    'white: Qxf7',
    'white: checkmate',
  ];

  for (const file of ['black.ts', 'black.py']) {
    it.skipIf(isSkipped(file))(`white.ts and ${file} see the same game`, async () => {
      const endpoint = await freshTcp();
      const white = example('06-pair/white.ts', endpoint);
      const black = example(`06-pair/${file}`, endpoint);
      for (const [player, greeting] of [
        [white, `waiting for black at ${endpoint}`],
        [black, `joining ${endpoint}`],
      ] as const) {
        const end = await player.end();
        expect(end).toMatchObject({ exitCode: 0, stderr: '' });
        expect(end.stdout.trim().split('\n')).toEqual([greeting, ...GAME]);
      }
    });

    it.skipIf(isSkipped(file))(`of two ${file}, one plays and the other waits`, async () => {
      const endpoint = await freshTcp();
      const blacks = [file, file].map((each) => example(`06-pair/${each}`, endpoint));
      for (const black of blacks) await black.printed(/^joining/);
      expect(await example('06-pair/white.ts', endpoint).end()).toMatchObject({ exitCode: 0 });
      const player = await until(() => blacks.find((black) => black.hasEnded), 'one to be done');
      expect((await player.end()).stdout.trim().split('\n').slice(1)).toEqual(GAME);
      const other = blacks.find((black) => black !== player);
      expect(other?.hasEnded).toBe(false);
      expect(other?.stdout).toBe(`joining ${endpoint}\n`);
    });
  }
});
