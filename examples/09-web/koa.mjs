// The same on Koa.
import Koa from 'koa';

const app = new Koa();
app.use((ctx) => {
  ctx.body = `Hello from Koa in process ${process.pid}\n`;
});
app.listen(Number(process.env.PORT ?? 3000));
