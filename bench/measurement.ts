/** What a measurement gives, and whom it is about. */

/** The libraries that are compared. */
export type Library = 'zscale' | 'zeromq';

export const LIBRARIES: readonly Library[] = ['zscale', 'zeromq'];

/** One library, one round. */
export interface Measurement {
  /** In the row's unit. */
  readonly value: number;
  /** CPU time of the row's processes while messages ran (a row says which, if not all), in microseconds per message. */
  readonly cpuPerMessage: number;
}
