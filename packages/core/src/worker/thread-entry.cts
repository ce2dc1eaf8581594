/*
 * What the pool's library loads in a thread: it tries `require` first. Node aborts the whole process where a thread is ended
 * while `require` reads an ES module, and takes no harm where it is ended in an `import`. So there is a CommonJS module in
 * front of the program.
 */
module.exports = async (task: import('./thread-pool.ts').ThreadTask): Promise<unknown> => {
  const program = await import('./thread.ts');
  return program.default(task);
};
