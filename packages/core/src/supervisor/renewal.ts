/**
 * What new workers are started with after a reload: asked of whoever runs the service, before the first one is replaced.
 */

import { ZscaleError } from '../errors.ts';
import type { Renewal } from '../options.ts';
import type { CommandLaunch } from './command-launch.ts';
import type { Launch } from './launch.ts';

/** Makes a launch of what has changed, and of what was given at the start. @throws ZscaleError as `scale()` */
export type Relaunch = (renewal: Renewal) => Launch | CommandLaunch;

/**
 * The launch from now on; undefined when it stays as it is.
 *
 * @throws ZscaleError `ZSCALE_ERR_RELOAD`, with the cause, when `onReload` fails or gives what cannot be
 */
export async function renewLaunch(
  onReload: (() => Renewal | Promise<Renewal>) | undefined,
  relaunch: Relaunch,
): Promise<Launch | CommandLaunch | undefined> {
  if (onReload === undefined) return undefined;
  try {
    return relaunch(await onReload());
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ZscaleError(
      'ZSCALE_ERR_RELOAD',
      `the reload failed before it began, and all workers go on serving as before: ${why}`,
      { cause },
    );
  }
}
