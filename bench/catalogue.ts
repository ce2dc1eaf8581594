/** Every row there is, in the order in which they run. */

import type { Row } from './row.ts';
import { DEVICES } from './rows/devices.ts';
import { DISPATCH } from './rows/dispatch.ts';
import { FAN } from './rows/fan.ts';
import { CONNECTS, MANY_CLIENTS } from './rows/many-clients.ts';
import { MULTICASTS } from './rows/multicast.ts';
import { PIPELINED } from './rows/pipelined.ts';
import { PUB_SUB } from './rows/pub-sub.ts';
import { CURVE, PUSH_PULL } from './rows/push-pull.ts';
import { QUEUES } from './rows/queue.ts';
import { ROUND_TRIPS } from './rows/round-trip.ts';
import { THREADS } from './rows/threads.ts';

/** See the top of the file. */
export const ROWS: readonly Row[] = [
  ...ROUND_TRIPS,
  PIPELINED,
  ...PUSH_PULL,
  THREADS,
  FAN,
  CURVE,
  ...PUB_SUB,
  ...MULTICASTS,
  ...DEVICES,
  ...QUEUES,
  ...DISPATCH,
  MANY_CLIENTS,
  CONNECTS,
];
