/**
 * As whom workers run, where that is another user than this process's own, and how their processes begin beside that.
 *
 * Only the processes of workers are others: the supervisor keeps what it has, for it binds addresses, reads keys and starts workers
 * again. Who may start processes of another user is root, and nobody else.
 */

import { type AccountFiles, findGroup, findUser, readAccountFiles } from './accounts.ts';
import { ZscaleError } from './errors.ts';

/** The largest number that Node takes for a user or a group. */
export const MAX_ACCOUNT_ID = 2_147_483_647;

/** A user and a group; each by itself would leave a worker the other one of root. */
export interface WorkerIdentity {
  readonly uid: number;
  readonly gid: number;
  /** For texts: `www-data (33:33)`. */
  readonly label: string;
  /** What su(1) and systemd set for a user; undefined is taken out. */
  readonly variables: Readonly<Record<string, string | undefined>>;
}

/** How the process of a worker begins, where it is not as this one. */
export interface WorkerFooting {
  /** Undefined: as this process. */
  readonly identity?: WorkerIdentity | undefined;
  /** The working directory, absolute. Undefined: this process's. */
  readonly cwd?: string | undefined;
  /** The file mode creation mask, 0 to 0o777. Undefined: this process's. */
  readonly umask?: number | undefined;
}

/** What was asked for: names or numbers. */
export interface WantedIdentity {
  readonly user: string | number | undefined;
  readonly group: string | number | undefined;
}

/** What the decision needs to know of this process and its machine. */
export interface IdentityFacts {
  /** Whether the system has users that are numbers; Windows has none. */
  readonly hasIds: boolean;
  /** Effective ids of this process. */
  readonly uid: number;
  readonly gid: number;
  readonly accounts: AccountFiles;
}

const ROOT = 0;

/** A user without an entry has no folder of its own. */
const NO_HOME = '/';

const NEEDS_ROOT =
  'Only root can start workers as somebody else: start zscale as root, or leave it out and start zscale as that user (in a unit of ' +
  'systemd: User=).';

/**
 * Whom workers are to be; undefined when that is who this process is already.
 *
 * A name that consists of digits is a number. A user alone means its primary group; a group alone leaves the user.
 *
 * @throws ZscaleError `ZSCALE_ERR_OPTIONS` for a name that is not known, a user whose group nobody knows, and where this process may not
 */
export function resolveIdentity(
  wanted: WantedIdentity,
  facts: IdentityFacts = factsOfSystem(wanted),
): WorkerIdentity | undefined {
  const { user, group } = wanted;
  if (user === undefined && group === undefined) return undefined;
  const asked = user === undefined ? 'group' : 'user';
  if (!facts.hasIds) refuse(asked, 'left out on this system, which has no such numbers', wanted);
  const { accounts } = facts;
  const wish = user === undefined ? facts.uid : numberOrName(user);
  const account = findUser(accounts, wish);
  if (account === undefined && typeof wish === 'string') refuseName('user', wish, '/etc/passwd');
  const uid = typeof wish === 'number' ? wish : (account?.uid ?? ROOT);
  const own = uid === facts.uid ? facts.gid : account?.gid;
  const gid = group === undefined ? own : groupOf(accounts, numberOrName(group));
  if (gid === undefined) {
    refuse('group', `given for user ${uid}, who is not in /etc/passwd`, { user, group });
  }
  if (uid === facts.uid && gid === facts.gid) return undefined;
  if (facts.uid !== ROOT) refuseOther(uid === facts.uid ? 'group' : 'user', wanted, facts);
  const label = `${account?.name ?? 'user'} (${uid}:${gid})`;
  return { uid, gid, label, variables: user === undefined ? {} : variablesOf(account) };
}

/** What `child_process` is told of it. */
export function spawnOptionsOf({ identity, cwd }: WorkerFooting): {
  uid?: number;
  gid?: number;
  detached?: boolean;
  cwd?: string;
} {
  return {
    // In a session of its own: who shares a terminal with root's shell may type into it.
    ...(identity !== undefined && { uid: identity.uid, gid: identity.gid, detached: true }),
    ...(cwd !== undefined && { cwd }),
  };
}

/** The environment of a worker before the user's own additions: that of this process, with what it says of the user made true. */
export function environmentOf(
  environment: NodeJS.ProcessEnv,
  { identity, cwd }: WorkerFooting,
): NodeJS.ProcessEnv {
  const all: NodeJS.ProcessEnv = { ...environment, ...identity?.variables };
  if (cwd !== undefined && all.PWD !== undefined) all.PWD = cwd;
  for (const [name, value] of Object.entries(all)) if (value === undefined) delete all[name];
  return all;
}

function variablesOf(
  account: { readonly name: string; readonly home: string; readonly shell: string } | undefined,
): WorkerIdentity['variables'] {
  return {
    HOME: account?.home || NO_HOME,
    USER: account?.name,
    LOGNAME: account?.name,
    SHELL: account?.shell || undefined,
    // A folder of the user who started us.
    XDG_RUNTIME_DIR: undefined,
  };
}

function groupOf(accounts: AccountFiles, wanted: string | number): number {
  if (typeof wanted === 'number') return wanted;
  return findGroup(accounts, wanted) ?? refuseName('group', wanted, '/etc/group');
}

function numberOrName(wanted: string | number): string | number {
  return typeof wanted === 'string' && /^\d+$/.test(wanted) ? Number(wanted) : wanted;
}

function factsOfSystem({ user, group }: WantedIdentity): IdentityFacts {
  const isAsked = user !== undefined || group !== undefined;
  return {
    hasIds: process.geteuid !== undefined,
    uid: process.geteuid?.() ?? ROOT,
    gid: process.getegid?.() ?? ROOT,
    accounts: isAsked ? readAccountFiles() : { passwd: '', group: '' },
  };
}

function refuseName(option: 'user' | 'group', name: string, file: string): never {
  const [flag, asks] = option === 'user' ? ['-u', 'passwd'] : ['-g', 'group'];
  throw new ZscaleError(
    'ZSCALE_ERR_OPTIONS',
    `${option} must be one of ${file}, or a number; got ${JSON.stringify(name)}. What only a directory service knows (LDAP, SSSD) is ` +
      `given as its number: "getent ${asks} ${name}" shows it${option === 'user' ? `, and so does "id ${flag} ${name}"` : ''}.`,
  );
}

function refuseOther(
  option: 'user' | 'group',
  wanted: WantedIdentity,
  { accounts, uid, gid }: IdentityFacts,
): never {
  const own = findUser(accounts, uid)?.name;
  const self = option === 'user' ? `${own ?? 'user'} (${uid}:${gid})` : `group ${gid}`;
  return refuse(option, `that of this process, ${self}`, wanted, NEEDS_ROOT);
}

function refuse(
  option: 'user' | 'group',
  expected: string,
  wanted: WantedIdentity,
  advice = '',
): never {
  const { [option]: value } = wanted;
  const got = value === undefined ? 'nothing' : JSON.stringify(value);
  const text = `${option} must be ${expected}; got ${got}.`;
  throw new ZscaleError('ZSCALE_ERR_OPTIONS', advice === '' ? text : `${text} ${advice}`);
}
