// A service that computes.
export default function stocks({ city }) {
  let sum = 0;
  for (let i = 0; i < 2e7; i += 1) sum += Math.sqrt(i);
  return `${city} is up ${(sum % 7).toFixed(2)} %, says process ${process.pid}`;
}
