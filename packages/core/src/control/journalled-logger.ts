/**
 * A logger whose lines also go into a journal, from `info` on, whatever the logger itself writes. Debugging is left to the logger:
 * its lines would push the others out.
 */

import type { Logger, LogMethod } from '../logger.ts';
import type { Journal } from './journal.ts';

/** Makes a logger that writes to `logger` and keeps in `journal`, with the facts of its children. */
export function journalled(
  logger: Logger,
  journal: Journal,
  inherited: Readonly<Record<string, unknown>> = {},
): Logger {
  const both = (level: 'error' | 'warn' | 'info'): LogMethod => {
    return (facts: object | string, text?: string): void => {
      if (typeof facts === 'string') {
        logger[level](facts);
        journal.add({ level, ...inherited, text: facts });
      } else {
        logger[level](facts, text);
        journal.add({ level, ...inherited, ...facts, text });
      }
    };
  };
  return {
    error: both('error'),
    warn: both('warn'),
    info: both('info'),
    debug: (facts: object | string, text?: string): void => {
      if (typeof facts === 'string') logger.debug(facts);
      else logger.debug(facts, text);
    },
    child: (facts) => journalled(logger.child(facts), journal, { ...inherited, ...facts }),
  };
}
