// Socket.IO: it asks several times over before it has a WebSocket, and all of that must come to the same process.
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const server = createServer((_req, res) => res.end('a Socket.IO server\n'));
const io = new Server(server);
io.on('connection', (socket) => {
  socket.emit('hello', process.pid);
  socket.on('ping', (text, answer) => answer(`${text} from process ${process.pid}`));
});
server.listen(Number(process.env.PORT ?? 3000));
