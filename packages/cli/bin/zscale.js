#!/usr/bin/env node
// The zscale command. What it does is in src/main.ts; the build turns that into dist/main.js.
import { existsSync } from 'node:fs';

const built = new URL('../dist/main.js', import.meta.url);

/** What the system says when a process, or the machine, may open no more files. */
const SHORTAGES = ['EMFILE', 'ENFILE'];

/** All of it is read at once, which a low limit does not allow; Node would print where it was, and not what to do. */
function load() {
  return import(built.href).catch((error) => {
    if (!SHORTAGES.includes(error?.code)) throw error;
    const limit = process.report.getReport().userLimits?.open_files.soft ?? 'unknown';
    process.stderr.write(
      `zscale: it cannot start, since no more files can be opened (${error.code}): the limit is ${limit} (ulimit -n), starting takes ` +
        'about 100, each worker 5 more, each gateway process 3, each client one. Raise it: ulimit -n 1024; LimitNOFILE=1024 in a unit of systemd; ' +
        '--ulimit nofile=1024 of docker run.\n',
    );
    return { main: () => 1 };
  });
}

if (existsSync(built)) {
  const { main } = await load();
  process.exitCode = await main(process.argv.slice(2));
} else {
  process.stderr.write('zscale: not built yet; run "pnpm build" once, then try again.\n');
  process.exitCode = 1;
}
