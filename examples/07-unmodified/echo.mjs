/*
 * An echo server: one process, one REP socket.
 *
 *     node examples/07-unmodified/echo.mjs
 */
import { Reply } from 'zeromq';

const socket = new Reply();
await socket.bind('tcp://127.0.0.1:5000');
console.log('listening');
for await (const [message] of socket) {
  await socket.send(`${message} from ${process.pid}`);
}
