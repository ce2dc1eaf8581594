/*
 * What the pool's library loads in a thread: it tries `require` first. Node aborts the whole process where a thread is ended
 * while `require` reads an ES module, and takes no harm where it is ended in an `import`. So there is a CommonJS module in
 * front of the program. A thread that was never given a request has nothing to send, and does not load the program for that.
 */
let program: Promise<typeof import('./thread.ts')> | undefined;

module.exports = async (task: import('./thread-pool.ts').ThreadTask): Promise<unknown> => {
  if (program === undefined && task.type === 'flush') return { type: 'flushed' };
  program ??= import('./thread.ts');
  return (await program).default(task);
};
