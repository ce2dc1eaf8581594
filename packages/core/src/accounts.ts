/**
 * The accounts of this machine, as /etc/passwd and /etc/group have them (passwd(5), group(5)).
 *
 *     passwd    name:password:uid:gid:comment:home:shell
 *     group     name:password:gid:members
 *
 * Only these two files: what a directory service alone knows (LDAP, SSSD) is not found here, and whoever asks has to give a number.
 */

import { readFileSync } from 'node:fs';

const PASSWD = '/etc/passwd';
const GROUP = '/etc/group';

/** One user. */
export interface UserAccount {
  readonly name: string;
  readonly uid: number;
  /** The primary group. */
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
}

/** What the system's two files say; text as it stands in them. */
export interface AccountFiles {
  readonly passwd: string;
  readonly group: string;
}

/** Reads both files; one that is not there, or cannot be read, knows nobody. */
export function readAccountFiles(): AccountFiles {
  return { passwd: textOf(PASSWD), group: textOf(GROUP) };
}

/** The first user of this name, or with this number. */
export function findUser(
  { passwd }: AccountFiles,
  wanted: string | number,
): UserAccount | undefined {
  for (const line of passwd.split('\n')) {
    const [name = '', , uidText = '', gidText = '', , home = '', shell = ''] = line.split(':');
    const uid = idOf(uidText);
    const gid = idOf(gidText);
    if (name === '' || uid === undefined || gid === undefined) continue;
    if (name === wanted || uid === wanted) return { name, uid, gid, home, shell };
  }
  return undefined;
}

/** The number of the first group of this name. */
export function findGroup({ group }: AccountFiles, wanted: string): number | undefined {
  for (const line of group.split('\n')) {
    const [name, , gidText = ''] = line.split(':');
    const gid = idOf(gidText);
    if (name === wanted && gid !== undefined) return gid;
  }
  return undefined;
}

function idOf(text: string): number | undefined {
  return /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // as in a container of one program: numbers need no file
  }
}
