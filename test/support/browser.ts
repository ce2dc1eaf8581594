/*
 * A real browser, which is installed on this machine and not downloaded: Chromium, steered by playwright-core. What a page must not do
 * is kept: errors, breaches of its policy, requests to elsewhere.
 */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { onTestFinished } from 'vitest';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

function findBrowser(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const paths = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  return [process.env.CHROMIUM ?? '', ...paths].find((path) => path !== '' && existsSync(path));
}

const executablePath: string | undefined = findBrowser();

/** Whether there is a browser on this machine. */
export const hasBrowser: boolean = executablePath !== undefined;

/** Whether tests with a browser must fail, rather than be skipped, on a machine without one. */
export const isBrowserRequired: boolean = process.env.REQUIRE_BROWSER === '1';

/** Starts the browser. @throws (rejects) when there is none */
export async function startBrowser(): Promise<Browser> {
  if (executablePath === undefined) throw new Error('there is no Chromium on this machine');
  // Tests are run as root in places where the browser's own sandbox cannot be.
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

/** A page, and what it did that it must not. */
export interface WatchedPage {
  readonly page: Page;
  /** Errors of its script, lines of the console from `warning` on, and requests that went to another origin than `origin`. */
  readonly faults: string[];
}

/** Opens a page that is closed when the running test ends. Faults of requests to `origin` that fail are kept, too. */
export async function openPage(
  browser: Browser,
  origin: string,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext(options);
  onTestFinished(() => context.close());
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
  page.on('console', (line) => {
    if (['error', 'warning'].includes(line.type())) faults.push(`console: ${line.text()}`);
  });
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.origin !== origin && url.protocol !== 'data:') faults.push(`request: ${url.href}`);
  });
  return { page, faults };
}
