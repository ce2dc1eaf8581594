// A chat: what one says, all hear, at whichever worker they are.
import { createServer } from 'node:http';
import { Publisher, Subscriber } from '@zscale/transport';
import { WebSocketServer } from 'ws';

const PAGE = `<!doctype html><title>Chat</title><form><input autofocus></form><pre></pre><script>
const socket = new WebSocket('ws://' + location.host);
socket.onmessage = ({ data }) => document.querySelector('pre').append(data + '\\n');
document.querySelector('form').onsubmit = (event) => {
  event.preventDefault();
  socket.send(event.target[0].value);
  event.target.reset();
};
</script>`;

const server = createServer((_req, res) => {
  res.setHeader('Content-Type', 'text/html');
  res.end(PAGE);
});
const sockets = new WebSocketServer({ server });
const said = new Publisher();
said.connect(process.env.CHAT_SAY);
const heard = new Subscriber();
heard.connect(process.env.CHAT_HEAR);
heard.subscribe();

sockets.on('connection', (socket) => {
  socket.send(`worker ${process.pid} greets you`);
  socket.on('message', (text) => said.send(`${process.pid}: ${text}`));
});
server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1');

for await (const [text] of heard) {
  for (const socket of sockets.clients) socket.send(text.toString());
}
