// The same on nothing: a handler as Bun, Deno and service workers have it.
export default {
  fetch: () => new Response(`Hello from fetch in process ${process.pid}\n`),
};
