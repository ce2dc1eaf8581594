/** What this package is and can, in zeromq.js's words, for programs that ask. */

/** The libzmq release whose behaviour and protocol these sockets have. */
export const version: string = '4.3.5';

/** Transports, mechanisms and socket types there are. What is false or absent fails with EPROTONOSUPPORT or EINVAL. */
export const capability: Readonly<
  Partial<Record<'ipc' | 'epgm' | 'pgm' | 'tipc' | 'norm' | 'curve' | 'gssapi' | 'draft', boolean>>
> = Object.freeze({
  ipc: true,
  epgm: true,
  pgm: false,
  tipc: false,
  norm: false,
  curve: true,
  gssapi: false,
  draft: true,
});
