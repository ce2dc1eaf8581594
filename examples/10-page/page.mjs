// The page: an ordinary listener of node:http. What it writes goes to the browser as it is written.
import { connect } from '@zscale/core';

const parts = Object.entries(JSON.parse(process.env.PARTS)).map(([name, endpoint]) => ({
  name,
  client: connect(endpoint),
}));

export default async function page(_req, res) {
  res.setHeader('Content-Type', 'text/html; charset=utf-8');
  res.write('<!doctype html><title>Three services</title>\n');
  for (const { name } of parts) res.write(`<p>${name}: <span id="${name}">...</span></p>\n`);
  await Promise.all(parts.map((part) => writePart(res, part)));
  res.end();
}

async function writePart(res, { name, client }) {
  const text = await client.request({ city: 'Berlin' }).catch((error) => `not now (${error.code})`);
  res.write(
    `<script>document.getElementById('${name}').textContent = ${JSON.stringify(text).replaceAll('<', '\\u003c')}</script>\n`,
  );
}
