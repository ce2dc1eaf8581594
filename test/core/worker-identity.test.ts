/*
 * As whom workers run: which names and numbers are known, who may ask for whom, and what the environment says of it.
 */
import { describe, expect, it } from 'vitest';
import { ZscaleError } from '../../packages/core/src/errors.ts';
import {
  environmentOf,
  type IdentityFacts,
  resolveIdentity,
  type WantedIdentity,
} from '../../packages/core/src/worker-identity.ts';

const accounts = {
  passwd: `# a comment
root:x:0:0:root:/root:/bin/bash
broken:x:none:0::/:
:x:7:7::/:
www-data:x:33:34:www-data:/var/www:/usr/sbin/nologin
www-data:x:99:99:a second line of that name:/:/bin/sh
bare:x:40:41::/srv:
+::::::`,
  group: `root:x:0:
www-data:x:34:alice,bob
staff:x:50:alice`,
};

const ROOT: IdentityFacts = { hasIds: true, uid: 0, gid: 0, accounts };
const ALICE: IdentityFacts = { hasIds: true, uid: 1000, gid: 1000, accounts };

function wanted(user?: string | number, group?: string | number): WantedIdentity {
  return { user, group };
}

/** The text of the refusal. */
function refusalOf(wish: WantedIdentity, facts: IdentityFacts = ROOT): string {
  try {
    resolveIdentity(wish, facts);
  } catch (error) {
    expect(error).toBeInstanceOf(ZscaleError);
    expect(error).toMatchObject({ code: 'ZSCALE_ERR_OPTIONS' });
    return (error as ZscaleError).message;
  }
  throw new Error(`accepted ${JSON.stringify(wish)}`);
}

describe('whom workers are', () => {
  it('is nobody else when nothing is said', () => {
    expect(resolveIdentity(wanted(), ROOT)).toBeUndefined();
    expect(resolveIdentity(wanted(), { ...ROOT, hasIds: false })).toBeUndefined();
  });

  it.each([
    [wanted('www-data'), 33, 34, 'www-data (33:34)'],
    [wanted('33'), 33, 34, 'www-data (33:34)'],
    [wanted(33), 33, 34, 'www-data (33:34)'],
    [wanted('www-data', 'staff'), 33, 50, 'www-data (33:50)'],
    [wanted('www-data', '0'), 33, 0, 'www-data (33:0)'],
    [wanted(5000, 'staff'), 5000, 50, 'user (5000:50)'],
    [wanted('5000', 6000), 5000, 6000, 'user (5000:6000)'],
    [wanted(undefined, 'staff'), 0, 50, 'root (0:50)'],
  ])('%j is a user and a group', (wish, uid, gid, label) => {
    expect(resolveIdentity(wish, ROOT)).toMatchObject({ uid, gid, label });
  });

  it.each([
    [wanted('root'), ROOT],
    [wanted('0', 'root'), ROOT],
    [wanted(1000, 1000), ALICE],
    [wanted('1000'), ALICE],
    [wanted('www-data'), { ...ROOT, uid: 33, gid: 50 }],
    [wanted(undefined, 1000), ALICE],
  ])('%j may be who this process is', (wish, facts) => {
    expect(resolveIdentity(wish, facts)).toBeUndefined();
  });

  it.each([
    [
      wanted('nobody-here'),
      /^user must be one of \/etc\/passwd, or a number; got "nobody-here"\. .*"id -u nobody-here"/,
    ],
    [wanted('broken'), /^user must be one of/],
    [wanted('+'), /^user must be one of/],
    [
      wanted('33', 'nowhere'),
      /^group must be one of \/etc\/group, or a number; got "nowhere"\. .*"getent group nowhere"/,
    ],
    [
      wanted('5000'),
      /^group must be given for user 5000, who is not in \/etc\/passwd; got nothing\./,
    ],
  ])('%j is refused', (wish, text) => {
    expect(refusalOf(wish)).toMatch(text);
  });

  it.each([
    [
      wanted('www-data'),
      /^user must be that of this process, user \(1000:1000\); got "www-data"\. Only root can/,
    ],
    [wanted('root'), /^user must be that of this process/],
    [wanted(1000, 'staff'), /^group must be that of this process, group 1000; got "staff"\./],
    [wanted(undefined, 'staff'), /^group must be that of this process, group 1000; got "staff"\./],
  ])('%j is refused to everybody but root', (wish, text) => {
    expect(refusalOf(wish, ALICE)).toMatch(text);
  });

  it('is refused where the system has no such numbers', () => {
    expect(refusalOf(wanted('a'), { ...ROOT, hasIds: false })).toMatch(/^user must be left out/);
  });
});

describe('the environment of workers', () => {
  const own = { HOME: '/root', USER: 'root', XDG_RUNTIME_DIR: '/run/user/0', PWD: '/root', A: '1' };

  it('is that of their user, as su and systemd have it', () => {
    const identity = resolveIdentity(wanted('www-data'), ROOT);
    expect(environmentOf(own, { identity })).toEqual({
      ...{ HOME: '/var/www', USER: 'www-data', LOGNAME: 'www-data', SHELL: '/usr/sbin/nologin' },
      ...{ PWD: '/root', A: '1' },
    });
  });

  it('has no name where there is none', () => {
    const identity = resolveIdentity(wanted(5000, 5000), ROOT);
    expect(environmentOf(own, { identity })).toEqual({ HOME: '/', PWD: '/root', A: '1' });
  });

  it('stays for a group alone, and says the folder', () => {
    const identity = resolveIdentity(wanted(undefined, 'staff'), ROOT);
    expect(environmentOf(own, { identity, cwd: '/srv' })).toEqual({ ...own, PWD: '/srv' });
  });
});
