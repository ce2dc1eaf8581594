// A web server on node:http: `node examples/09-web/plain.mjs`, or on every core by `zscale run`.
import { createServer } from 'node:http';

const server = createServer((_req, res) => {
  res.setHeader('Content-Type', 'text/plain');
  res.end(`Hello from node:http in process ${process.pid}\n`);
});
server.listen(Number(process.env.PORT ?? 3000));
