/*
 * The dashboard as people see it: in a real browser, with a service that has something to show. Each test ends with what the page must
 * never do: no error, no breach of its policy, no request to elsewhere.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { hasBrowser, isBrowserRequired, openPage, startBrowser } from '../support/browser.ts';
import { isAlive, startZscale } from '../support/cli.ts';
import { freshFolder } from '../support/programs.ts';
import { until } from '../support/until.ts';
import { freePort, SERVER, startWeb, type Web } from '../support/web.ts';

const FREE = 'http://127.0.0.1:0';

describe.skipIf(!hasBrowser && !isBrowserRequired)('the page of the dashboard', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  });
  afterAll(() => browser?.close());

  interface Shown extends Web {
    readonly page: Page;
    readonly admin: string;
    readonly faults: readonly string[];
  }

  /** A service with two workers, and its page, with the first snapshot shown. */
  async function show(
    args: readonly string[] = [],
    options: BrowserContextOptions = {},
    server: string = SERVER,
  ): Promise<Shown> {
    const admin = `http://127.0.0.1:${await freePort()}`;
    const web = await startWeb(server, ['--bind', FREE, '--admin', admin, ...args]);
    const { page, faults } = await openPage(browser, admin, options);
    await page.goto(admin);
    await until(() => rows(page).then((all) => all.length === 2));
    return { ...web, admin, page, faults };
  }

  /** A picture for those who want to look: where SCREENSHOTS says. */
  async function picture(page: Page, name: string): Promise<void> {
    const folder = process.env.SCREENSHOTS;
    if (folder === undefined) return;
    mkdirSync(folder, { recursive: true });
    await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
  }

  /** The texts of the workers' rows, or those of the gateways: id, state, pid and so on. */
  function rows(page: Page, body = '#workers'): Promise<string[][]> {
    return page
      .locator(`${body} tr`)
      .evaluateAll((all) =>
        all.map((row) => [...row.children].map((cell) => cell.textContent ?? '')),
      );
  }

  async function pids(page: Page): Promise<number[]> {
    return (await rows(page)).map(([, , pid]) => Number(pid));
  }

  /** Requests until the test ends, some at once. */
  function load(endpoint: string, path = '/slow?ms=20'): void {
    let isOver = false;
    const ask = async (): Promise<void> => {
      while (!isOver) await fetch(endpoint + path).then((response) => response.text());
    };
    const all = Promise.allSettled(Array.from({ length: 4 }, ask));
    onTestFinished(async () => {
      isOver = true;
      await all;
    });
  }

  it('shows numbers that move under load, in figures, charts and rows', async () => {
    const { page, endpoint, faults } = await show(['--name', 'shop', '--gateways', '2'], {
      viewport: { width: 1600, height: 1000 },
    });
    expect(await page.title()).toBe('shop: zscale');
    expect(await page.textContent('h1')).toBe('shop');
    expect(await page.textContent('#state')).toContain('serving');
    expect(await page.textContent('#endpoints')).toBe(endpoint);
    await until(async () => (await page.textContent('#figure-replies')) === '0');
    load(endpoint);
    await until(async () => Number(await page.textContent('#figure-replies')) > 10);
    await until(async () => /^[2-9]\d ms$/.test((await page.textContent('#figure-p50')) ?? ''));
    await until(async () => (await rows(page)).every((row) => Number(row[5]) > 0));
    for (const row of await rows(page)) {
      expect(row.slice(0, 9).join(' ')).toMatch(
        /^\d ●ready \d+ \d+ \d+ % \d[\d.]* \d[\d.]* MiB 0 \d+ s$/,
      );
    }
    // The charts are drawn, and their legends have the last values.
    expect(await page.locator('.chart canvas').count()).toBe(4);
    await until(async () =>
      /replies \d+/.test((await page.textContent('#chart-throughput .legend')) ?? ''),
    );
    const colours = await page.evaluate(`(() => {
      const canvas = document.querySelector('#chart-throughput canvas');
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return new Set(new Uint32Array(data.buffer)).size;
    })()`);
    expect(colours).toBeGreaterThan(10);
    // The gateways have a row each, and one that dies is among the deaths.
    expect(await page.isVisible('#title-gateways')).toBe(true);
    await until(async () => {
      const all = await rows(page, '#gateways');
      return all.every((row) => / \d+ %$/.test(row.slice(0, 5).join(' '))) && all;
    });
    await until(async () => {
      const all = await rows(page, '#gateways');
      return all.length === 2 && all.some(([, , , , , requests]) => Number(requests) > 0);
    });
    for (const row of await rows(page, '#gateways')) {
      expect(row.join(' ')).toMatch(/^\d ●ready \d+ \d+ \d+ % \d[\d.]* \d[\d.]* MiB 0 \d+ s $/);
    }
    const [, [, , pid] = []] = await rows(page, '#gateways');
    process.kill(Number(pid), 'SIGKILL');
    await until(async () => (await page.textContent('#deaths li'))?.includes('gateway 1SIGKILL'));
    await until(async () => {
      const [, row] = await rows(page, '#gateways');
      return row?.[1] === '●ready' && row[7] === '1';
    });
    await picture(page, 'light');
    expect(faults).toEqual([]);
  });

  it('is used with the keyboard alone: more workers, fewer, a drain, a reload', async () => {
    const { page, faults } = await show();
    const press = async (name: string): Promise<void> => {
      const focus = page.locator(':focus').and(page.getByRole('button', { name, exact: true }));
      for (let step = 0; step < 40 && (await focus.count()) === 0; step += 1) {
        await page.keyboard.press('Tab');
      }
      const outline = 'getComputedStyle(document.activeElement).outlineStyle';
      expect([name, await focus.count(), await page.evaluate(outline)]).toEqual([name, 1, 'solid']);
      await page.keyboard.press('Enter');
    };
    const said = (words: string): Promise<unknown> =>
      until(async () => (await page.textContent('#message-text')) === words, words);

    await press('One worker more');
    await said('One more.');
    await until(async () => (await rows(page)).length === 3);
    expect(await page.textContent('#worker-count')).toBe('3');
    await until(async () => (await page.textContent('#reason'))?.startsWith('3 workers'));

    await press('One worker less');
    await said('One less.');
    await until(async () => (await rows(page)).length === 2);

    const [first, second] = await pids(page);
    await press('Drain worker 1');
    await said('Worker 1 was replaced.');
    await until(async () => (await pids(page))[1] !== second);
    expect((await pids(page))[0]).toBe(first);

    await press('Reload all');
    await said('All workers were replaced.');
    await until(async () => (await pids(page))[0] !== first);
    expect(await page.textContent('#no-deaths')).toBe('None so far.');
    expect(faults).toEqual([]);
  });

  it('kills a worker when that is confirmed, and only then', async () => {
    const { page, faults } = await show();
    const [pid = 0] = await pids(page);
    const question = page.getByRole('dialog');
    await page.getByRole('button', { name: 'Kill worker 0', exact: true }).click();
    expect(await question.textContent()).toContain(`Kill worker 0 (pid ${pid}) with SIGKILL?`);
    await picture(page, 'question');
    // Whoever presses Enter without reading, or leaves, kills nothing.
    await page.keyboard.press('Enter');
    await question.waitFor({ state: 'hidden' });
    await page.getByRole('button', { name: 'Kill worker 0', exact: true }).click();
    await page.keyboard.press('Escape');
    await question.waitFor({ state: 'hidden' });
    expect(isAlive(pid)).toBe(true);

    await page.getByRole('button', { name: 'Kill worker 0', exact: true }).click();
    await question.getByRole('button', { name: 'Kill worker 0' }).click();
    await until(() => !isAlive(pid));
    await until(
      async () => (await rows(page))[0]?.[1]?.includes('ready') && (await pids(page))[0] !== pid,
    );
    expect(await page.textContent('#message-text')).toBe('Sent SIGKILL to worker 0.');
    expect(faults).toEqual([]);
  });

  it('shows how a worker died, with its stack, as text', async () => {
    const name = '<img src=x onerror=alert(1)>';
    // A function may have any name, and the stack has it.
    const hostile = SERVER.replace('for (;;);', `({ '${name}'() { for (;;); } })['${name}']();`);
    const { page, endpoint, faults } = await show(
      ['--hang-timeout', '1s'],
      { viewport: { width: 360, height: 740 } },
      hostile,
    );
    const lost = fetch(`${endpoint}/loop`, { method: 'POST' });
    const death = page.locator('#deaths li').first();
    await death.waitFor();
    expect(await death.textContent()).toMatch(/worker \d.*its event loop stood still for \d+ ms/);
    expect(await page.textContent('#message-text')).toMatch(/^Worker \d died: its event loop/);
    const stack = death.locator('details', { hasText: 'stack' });
    expect(await stack.locator('pre').isVisible()).toBe(false);
    await stack.locator('summary').focus();
    await page.keyboard.press('Enter');
    expect(await stack.locator('pre').textContent()).toContain(`at ${name} (`);
    await lost;
    expect(await page.locator('img').count()).toBe(0);
    // Nothing is wider than the window.
    const width = await page.evaluate('document.documentElement.scrollWidth');
    expect(width).toBe(360);
    await picture(page, 'narrow');
    expect(faults).toEqual([]);
  });

  it('is dark where the reader’s system is, and changes with it', async () => {
    const { page, endpoint, faults } = await show([], { colorScheme: 'dark' });
    const luminance = async (): Promise<number> => {
      const colour = await page.evaluate('getComputedStyle(document.body).backgroundColor');
      return Math.max(...[...String(colour).matchAll(/\d+/g)].map(([part]) => Number(part)));
    };
    expect(await luminance()).toBeLessThan(60);
    load(endpoint);
    await until(async () => Number(await page.textContent('#figure-replies')) > 10);
    await picture(page, 'dark');
    await page.emulateMedia({ colorScheme: 'light' });
    expect(await luminance()).toBeGreaterThan(200);
    expect(faults).toEqual([]);
  });

  it('asks for the token once, where there is one', async () => {
    const file = join(freshFolder(), 'admin.token');
    writeFileSync(file, 'correct-horse-battery-staple\n');
    const admin = `http://127.0.0.1:${await freePort()}`;
    await startWeb(SERVER, ['--bind', FREE, '--admin', admin, '--admin-token-file', file]);
    const { page, faults } = await openPage(browser, admin);
    const enter = async (token: string): Promise<void> => {
      await page.getByLabel('Token').fill(token);
      await page.keyboard.press('Enter');
    };
    await page.goto(admin);
    await enter('a guess');
    await page.getByRole('alert').waitFor();
    expect(await page.getByRole('alert').textContent()).toBe('That is not the token.');
    await picture(page, 'login');
    await enter('correct-horse-battery-staple');
    await until(async () => (await rows(page)).length === 2);
    expect(page.url()).toBe(`${admin}/`);
    await page.reload();
    await until(async () => (await rows(page)).length === 2);
    await page.getByRole('button', { name: 'One worker more' }).click();
    await until(async () => (await rows(page)).length === 3);
    expect(faults.filter((fault) => !fault.includes('401 (Unauthorized)'))).toEqual([]);
  });

  it('says that too many look, and shows the service when one of them has gone', async () => {
    const admin = `http://127.0.0.1:${await freePort()}`;
    await startWeb(SERVER, ['--bind', FREE, '--admin', admin, '--workers', '1']);
    const end = new AbortController();
    onTestFinished(() => end.abort());
    const look = (signal: AbortSignal): Promise<Response> => fetch(`${admin}/events`, { signal });
    const first = new AbortController();
    await Promise.all([look(first.signal), ...Array.from({ length: 31 }, () => look(end.signal))]);
    const { page, faults } = await openPage(browser, admin);
    await page.goto(admin);
    await page.getByText('✕ too many pages look, trying again').waitFor();
    first.abort();
    await page.getByText('● live').waitFor();
    expect(await rows(page)).toHaveLength(1);
    expect(faults.filter((fault) => !fault.includes('503 (Service Unavailable)'))).toEqual([]);
  });

  it('says when the service is gone, and goes on when there is one again', async () => {
    const { page, admin, program, folder, faults } = await show();
    const before = await pids(page);
    program.signal('SIGTERM');
    await until(async () =>
      /✕ gone since .*, trying again/.test((await page.textContent('#feed')) ?? ''),
    );
    expect(await page.getByRole('button', { name: 'Reload all' }).isDisabled()).toBe(true);
    await picture(page, 'gone');
    await program.end();
    const file = join(folder, 'server.mjs');
    startZscale(['run', file, '--bind', FREE, '--admin', admin, '--workers', '2']);
    await until(async () => (await page.textContent('#feed')) === '● live');
    await until(async () => !(await pids(page)).some((pid) => before.includes(pid)));
    await until(() => page.getByRole('button', { name: 'Reload all' }).isEnabled());
    // That it was not there is what the browser complains about, and nothing else.
    expect(faults.filter((fault) => !/net::ERR_|ERR_INCOMPLETE_CHUNKED/.test(fault))).toEqual([]);
  });
});
