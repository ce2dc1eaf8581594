/* What a multicast endpoint may look like (zmq_pgm(7)), and what an error says about one that does not. */
import { describe, expect, it } from 'vitest';
import {
  type Interfaces,
  parseGroupAddress,
} from '../../../../packages/transport/src/transports/epgm/group-address.ts';

function entry(address: string, family: 'IPv4' | 'IPv6', internal = false) {
  const common = { address, netmask: '', mac: '', internal, cidr: null };
  return family === 'IPv4' ? { ...common, family } : { ...common, family, scopeid: 0 };
}

const INTERFACES: Interfaces = {
  lo: [entry('127.0.0.1', 'IPv4', true), entry('::1', 'IPv6', true)],
  six: [entry('fe80::1', 'IPv6')],
  eth0: [entry('fe80::2', 'IPv6'), entry('10.99.0.1', 'IPv4'), entry('10.99.0.2', 'IPv4')],
};

const parse = (address: string, interfaces = INTERFACES) =>
  parseGroupAddress(address, `epgm://${address}`, interfaces);

describe('a multicast endpoint', () => {
  it.each([
    ['10.99.0.1;239.192.1.1:5555', '10.99.0.1', '239.192.1.1', '239.192.1.1'],
    ['eth0;239.192.1.1:5555', '10.99.0.1', '239.192.1.1', '239.192.1.1'],
    ['10.99.0.2;239.192.1.1:5555', '10.99.0.2', '239.192.1.1', '239.192.1.1'],
    [';239.192.1.1:5555', '10.99.0.1', '239.192.1.1', '239.192.1.1'],
    ['239.192.1.1:5555', '10.99.0.1', '239.192.1.1', '239.192.1.1'],
    ['10.99.0.1;:5555', '10.99.0.1', '239.192.0.1', '239.192.0.1'],
    ['10.99.0.1:5555', '10.99.0.1', '239.192.0.1', '239.192.0.1'],
    ['lo:5555', '127.0.0.1', '239.192.0.1', '239.192.0.1'],
    [':5555', '10.99.0.1', '239.192.0.1', '239.192.0.1'],
    ['127.0.0.1;239.192.1.1;239.192.1.2:5555', '127.0.0.1', '239.192.1.1', '239.192.1.2'],
    ['lo;;224.0.0.9:5555', '127.0.0.1', '239.192.0.1', '224.0.0.9'],
  ])('epgm://%s is sent by %s, heard at %s and sent to %s', (address, local, group, sendGroup) => {
    expect(parse(address)).toEqual({ local, group, sendGroup, port: 5555 });
  });

  it.each([
    ['10.99.0.1;239.192.1.1', 'ends in a colon and a port'],
    ['10.99.0.1;239.192.1.1:', 'the port is a number'],
    ['10.99.0.1;239.192.1.1:0', 'the port is a number'],
    ['10.99.0.1;239.192.1.1:65536', 'the port is a number'],
    ['10.99.0.1;239.192.1.1:5555x', 'the port is a number'],
    ['10.99.0.1;239.192.1.1: 5555', 'the port is a number'],
    ['10.99.0.1;10.1.1.1:5555', 'the group "10.1.1.1" is no IPv4 multicast address'],
    ['10.99.0.1;240.0.0.1:5555', 'no IPv4 multicast address'],
    ['10.99.0.1;239.1.1:5555', 'no IPv4 multicast address'],
    ['10.99.0.1;239.192.1.1;10.0.0.1:5555', 'the group "10.0.0.1" is no IPv4'],
    ['10.99.0.1;239.192.1.1,239.192.1.2:5555', 'several groups in one endpoint are not supported'],
    ['10.99.0.1;239.1.1.1;239.1.1.2;239.1.1.3:5555', 'a group and a send group at most'],
    ['10.99.0.9;239.192.1.1:5555', '"10.99.0.9" is neither an interface'],
    ['eth7;239.192.1.1:5555', '"eth7" is neither an interface'],
    ['six;239.192.1.1:5555', '"six" is neither an interface'],
    ['*;239.192.1.1:5555', '"*" is neither an interface'],
    ['0.0.0.0;239.192.1.1:5555', '"0.0.0.0" is neither an interface'],
  ])('epgm://%s is refused, which says what is wrong with it', (address, words) => {
    expect(() => parse(address)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(() => parse(address)).toThrow(words);
  });

  it('needs a network interface, or to be told that the loopback is meant', () => {
    const { lo } = INTERFACES;
    expect(() => parse(':5555', { lo })).toThrow('write epgm://127.0.0.1');
  });
});
