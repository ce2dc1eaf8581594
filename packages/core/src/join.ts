/**
 * `join()`: works for a service whose queue is on another machine.
 *
 * It is to this machine what `scale()` is to the one of the queue, and means the same in the same processes (scale.ts): calls of
 * both are counted together.
 */

import { ZscaleError } from './errors.ts';
import type { HandlerFunction } from './handlers/handler.ts';
import { type JoinOptions, resolveJoinOptions } from './join-options.ts';
import { InertMachine, JoinedMachine, type Machine } from './machine.ts';
import { callInWorker, checkModule, howMany, registerCall, whatToRun } from './scale.ts';
import { processRole } from './worker/process-role.ts';
import { resolveIdentity } from './worker-identity.ts';

/**
 * Runs a handler in several worker processes for services elsewhere: each worker connects to every back end of `connect`.
 *
 * What the handler may be, and which code runs in which process, is as in `scale()`. Resolves when the workers have loaded it and a
 * first back end is reached, for which it waits as long as it takes; when it rejects, nothing is left running.
 *
 * @throws ZscaleError `ZSCALE_ERR_OPTIONS` for a bad option or handler; `ZSCALE_ERR_NO_PROGRAM` as `scale()`;
 * `ZSCALE_ERR_CLOSED` when it is closed before it has joined; WorkerBootError `ZSCALE_ERR_LOAD` or `ZSCALE_ERR_BOOT` when a
 * worker does not become ready.
 */
export async function join<H extends HandlerFunction>(
  handler: H | URL | string,
  options: JoinOptions,
): Promise<Machine> {
  const { worker } = processRole();
  if (worker !== undefined) return callInWorker(worker, handler, options, () => new InertMachine());
  const { number, earlierEndpoints, settle } = registerCall();
  try {
    const resolved = resolveJoinOptions(options);
    const identity = resolveIdentity(resolved.shared);
    const place = { number, hasAddress: true, identity };
    const { launch, ...runnable } = whatToRun(handler, resolved.shared, place);
    if ('words' in launch) refuseProgram();
    checkModule(runnable.module);
    const machine = new JoinedMachine(resolved, {
      number,
      earlierEndpoints,
      launch,
      ...runnable,
      relaunch: ({ args: _args, python: _python, ...renewal }) => {
        const { shared } = resolveJoinOptions({ ...options, ...renewal });
        return whatToRun(handler, shared, place).launch;
      },
      choosesCodec: false,
      ...howMany(resolved.shared),
    });
    settle([]); // clients reach nothing here
    await machine.start();
    return machine;
  } finally {
    settle([]);
  }
}

function refuseProgram(): never {
  throw new ZscaleError(
    'ZSCALE_ERR_OPTIONS',
    'join() hosts a handler, or the module of one. A program in another language needs no join: connect its REP socket to the ' +
      'back end itself.',
  );
}
