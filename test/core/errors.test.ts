import { describe, expect, it } from 'vitest';
import {
  errorReplyOf,
  RemoteError,
  RequestTimeoutError,
  WorkerBootError,
  ZscaleError,
} from '../../packages/core/src/errors.ts';

const withCode = (code: unknown): Error => Object.assign(new Error('no'), { code });

describe('errors of core', () => {
  it('carry a code, a name and a cause, and are Errors', () => {
    const cause = new Error('why');
    const error = new ZscaleError('ZSCALE_ERR_BUSY', 'the queue is full', { cause });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name: 'ZscaleError', code: 'ZSCALE_ERR_BUSY', cause });
    expect(String(error)).toBe('ZscaleError: the queue is full');
  });

  it('can be told apart by class, and all are ZscaleErrors', () => {
    const errors = [
      new RemoteError('OUT_OF_STOCK', 'none left'),
      new RequestTimeoutError('no reply within 100 ms'),
      new WorkerBootError('ZSCALE_ERR_LOAD', 'no handler'),
    ];
    for (const error of errors) expect(error).toBeInstanceOf(ZscaleError);
    expect(errors.map(({ name, code }) => [name, code])).toEqual([
      ['RemoteError', 'OUT_OF_STOCK'],
      ['RequestTimeoutError', 'ZSCALE_ERR_TIMEOUT'],
      ['WorkerBootError', 'ZSCALE_ERR_LOAD'],
    ]);
  });
});

describe('what a client is told of an error that a handler threw', () => {
  it('is its code and message', () => {
    const error = Object.assign(new Error('none left'), { code: 'OUT_OF_STOCK' });
    expect(errorReplyOf(error)).toEqual({ code: 'OUT_OF_STOCK', message: 'none left' });
  });

  it('never has a stack in it', () => {
    const reply = errorReplyOf(new Error('no'));
    expect(Object.keys(reply)).toEqual(['code', 'message']);
    expect(JSON.stringify(reply)).not.toContain('errors.test.ts');
  });

  it.each([undefined, 404, '', 'not_found', 'A B', '9LIVES', `A${'B'.repeat(64)}`, 'A\nB'])(
    'has the code ZSCALE_ERR_HANDLER when the error has %j',
    (code) => {
      expect(errorReplyOf(withCode(code)).code).toBe('ZSCALE_ERR_HANDLER');
    },
  );

  it.each(['ENOENT', 'E', 'ERR_INVALID_ARG_TYPE', 'HTTP_404', `A${'B'.repeat(63)}`])(
    'keeps the code %s',
    (code) => {
      expect(errorReplyOf(withCode(code)).code).toBe(code);
    },
  );

  it.each([
    ['plain text', 'plain text'],
    ['', 'The handler threw an empty string.'],
    [42, 'The handler threw 42.'],
    [undefined, 'The handler threw undefined.'],
    [null, 'The handler threw null.'],
    [Symbol('s'), 'The handler threw Symbol(s).'],
    [{ message: 'said so' }, 'said so'],
    [{}, 'The handler threw an object without a message.'],
    [{ message: 7 }, 'The handler threw an object without a message.'],
    [new TypeError(''), 'TypeError'],
  ])('says what was thrown when that is %o', (thrown, message) => {
    expect(errorReplyOf(thrown)).toEqual({ code: 'ZSCALE_ERR_HANDLER', message });
  });

  it('is cut at 1024 characters, and never in the middle of one', () => {
    expect(errorReplyOf('x'.repeat(1024)).message).toBe('x'.repeat(1024));
    expect(errorReplyOf('x'.repeat(1025)).message).toBe(`${'x'.repeat(1023)}…`);
    expect(errorReplyOf(`${'x'.repeat(1022)}${'🙂'.repeat(10)}`).message).toBe(
      `${'x'.repeat(1022)}…`,
    );
  });

  it('is found even where reading the error throws', () => {
    const hostile = {
      get code(): string {
        throw new Error('no code for you');
      },
      get message(): string {
        throw new Error('no message either');
      },
    };
    expect(errorReplyOf(hostile)).toEqual({
      code: 'ZSCALE_ERR_HANDLER',
      message: 'The handler threw an object without a message.',
    });
  });
});
