/*
 * Black: connects to the one game there is, and answers until it is over.
 *
 *   npx tsx examples/06-pair/black.ts [endpoint]
 */
import { Pair } from '@zscale/transport';

const [endpoint = 'tcp://127.0.0.1:5560'] = process.argv.slice(2);
const moves = ['e5', 'Nc6', 'Nf6'];

const socket = new Pair();
socket.connect(endpoint);
console.log(`joining ${endpoint}`);

for await (const [frame] of socket) {
  console.log(`white: ${frame}`);
  if (`${frame}` === 'checkmate') break;
  const move = moves.shift();
  if (move === undefined) continue;
  await socket.send(move);
  console.log(`black: ${move}`);
}
socket.close();
