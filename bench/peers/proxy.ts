/** npm zeromq's Proxy between ROUTER and DEALER, as its documentation has it. */

import { Dealer, Router, Proxy as ZeromqProxy } from 'zeromq';
import { listenToParent, say } from '../processes.ts';

void listenToParent();
const options = { linger: 0, sendHighWaterMark: 0, receiveHighWaterMark: 0 };
const front = new Router(options);
const back = new Dealer(options);
await front.bind('tcp://127.0.0.1:*');
const endpoint = front.lastEndpoint ?? '';
await back.bind('tcp://127.0.0.1:*');
say({ endpoint: `${endpoint} ${back.lastEndpoint}` });
await new ZeromqProxy(front, back).run();
