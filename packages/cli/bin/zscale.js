#!/usr/bin/env node
// The zscale command. What it does is in src/main.ts; the build turns that into dist/main.js.
import { existsSync } from 'node:fs';

const built = new URL('../dist/main.js', import.meta.url);

if (existsSync(built)) {
  const { main } = await import(built.href);
  process.exitCode = await main(process.argv.slice(2));
} else {
  process.stderr.write('zscale: not built yet; run "pnpm build" once, then try again.\n');
  process.exitCode = 1;
}
