// The same on Fastify.
import fastify from 'fastify';

const app = fastify();
app.get('/', async () => `Hello from Fastify in process ${process.pid}\n`);
await app.listen({ port: Number(process.env.PORT ?? 3000) });
