/** A server with many clients: 1,000 connections at a time, and connections that come and go. */

import type { Cast } from '../cast.ts';
import { LIBZMQ, ZEROMQ, ZSCALE } from '../players.ts';
import type { Row } from '../row.ts';
import { contender, type Plan } from '../session.ts';

const BYTES = 10;
const CLIENTS = 1000;
const LANES = 16;

/** A process with many DEALERs, each with one request in flight. */
export const MANY_CLIENTS: Row = {
  name: 'clients-1000',
  group: 'Many clients',
  title: `${CLIENTS} DEALERs on one ROUTER, one request each, ${BYTES} B`,
  unit: 'msg/s',
  better: 'higher',
  goals: [],
  quick: false,
  contenders: [
    contender('zscale', ZSCALE, beginClients),
    contender('zeromq', ZEROMQ, beginClients),
    contender('libzmq', LIBZMQ, beginClients),
  ],
};

/** Connect, ask once, close. */
export const CONNECTS: Row = {
  name: 'connects',
  group: 'Many clients',
  title: `REQ connects, asks a REP once and closes, ${LANES} at a time`,
  unit: 'connects/s',
  better: 'higher',
  goals: [],
  quick: false,
  contenders: [
    contender('zscale', ZSCALE, beginConnects),
    contender('zeromq', ZEROMQ, beginConnects),
    contender('libzmq', LIBZMQ, beginConnects),
  ],
};

async function beginClients(cast: Cast): Promise<Plan> {
  const server = await cast.startReady('router', { bind: 'tcp://127.0.0.1:*' });
  const [connect] = server.endpoints;
  const client = await cast.startReady('clients', { connect, bytes: BYTES, clients: CLIENTS });
  return {
    sides: { sender: [client.role.pid], receiver: [server.role.pid] },
    senders: [client.role],
    value: 'rate',
    step: CLIENTS,
  };
}

async function beginConnects(cast: Cast): Promise<Plan> {
  const server = await cast.startReady('reply', { bind: 'tcp://127.0.0.1:*' });
  const [connect] = server.endpoints;
  const client = await cast.startReady('connects', { connect, bytes: BYTES, lanes: LANES });
  return {
    sides: { sender: [client.role.pid], receiver: [server.role.pid] },
    senders: [client.role],
    value: 'rate',
    step: LANES,
  };
}
