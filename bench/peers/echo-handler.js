/** Returns what it gets. */
export default (request) => request;
