/** The application as PM2 runs it: listens where PORT says, and tells PM2 when it does. */

import { createServer } from 'node:http';
import answer from './handler.ts';

createServer(answer).listen(Number(process.env.PORT), '127.0.0.1', () => process.send?.('ready'));
