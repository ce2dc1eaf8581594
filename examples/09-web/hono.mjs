// The same on Hono, as a module for any runtime that has a fetch handler.
import { Hono } from 'hono';

const app = new Hono();
app.get('/', (c) => c.text(`Hello from Hono in process ${process.pid}\n`));
export default app;
