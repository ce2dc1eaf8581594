// The same on Express.
import express from 'express';

const app = express();
app.get('/', (_req, res) =>
  res.type('text').send(`Hello from Express in process ${process.pid}\n`),
);
app.listen(Number(process.env.PORT ?? 3000));
