/*
 * What the gateway tells OpenTelemetry: of requests that never reach a queue, of other protocols, and beside an instrumentation of
 * node:http. The plain way is in test/system/open-telemetry.test.ts.
 */
import { Server } from 'node:http';
import { type Context, context, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';
import { describe, expect, it, onTestFinished } from 'vitest';
import { GatewayTrace } from '../../../packages/core/src/gateway/gateway-trace.ts';
import { openTelemetry } from '../../../packages/core/src/tracing/open-telemetry.ts';
import { startGateway } from '../../support/gateway.ts';
import { exchange, rawClient } from '../../support/http-client.ts';
import { registerSdk } from '../../support/sdk.ts';
import { until } from '../../support/until.ts';

const HOST = 'Host: example.org:8080\r\n';
const CLOSE = 'Connection: close\r\n\r\n';

async function tracedGateway(choices: Parameters<typeof startGateway>[0] = {}) {
  const sdk = registerSdk();
  const telemetry = openTelemetry(import.meta.url);
  if (telemetry === undefined) throw new Error('the SDK is not found');
  return { sdk, ...(await startGateway({ ...choices, trace: new GatewayTrace(telemetry) })) };
}

describe('a request', () => {
  it('that is refused before the queue has a span from its beginning', async () => {
    const { endpoint, sdk } = await tracedGateway({ maxBodySize: 4 });
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    await exchange(
      endpoint,
      `POST /p HTTP/1.1\r\n${HOST}traceparent: ${traceparent}\r\nContent-Length: 5\r\n${CLOSE}12345`,
    );
    await exchange(endpoint, `GET /p HTTP/1.1\r\n${CLOSE}`);
    await until(() => sdk.spans.length === 2);
    const [large, bad] = sdk.spans;
    expect(large?.parentSpanContext?.spanId).toBe('b7ad6b7169203331');
    expect(large?.attributes).toMatchObject({
      'http.request.method': 'POST',
      'http.response.status_code': 413,
      'error.type': 'EMSGSIZE',
      'server.address': 'example.org',
      'server.port': 8080,
    });
    expect(large?.status.code).toBe(0); // the client's fault is none of the server's
    expect(bad?.attributes).toMatchObject({ 'http.response.status_code': 400 });
  });

  it('with a method that nobody knows has the name that the conventions give', async () => {
    const { endpoint, sdk, upstream } = await tracedGateway();
    upstream.onOpen = (one) => one.reply(200);
    await exchange(endpoint, `PURGE /a?x=1&sig=secret&signature=2 HTTP/1.1\r\n${HOST}${CLOSE}`);
    await until(() => sdk.spans.length === 1);
    expect(sdk.spans[0]).toMatchObject({
      name: 'HTTP',
      attributes: {
        'http.request.method': '_OTHER',
        'http.request.method_original': 'PURGE',
        'url.path': '/a',
        'url.query': 'x=1&sig=REDACTED&signature=2',
      },
    });
  });

  it('whose client goes has no status, and has not failed', async () => {
    const { endpoint, sdk, upstream } = await tracedGateway();
    const client = rawClient(endpoint);
    client.send(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    await upstream.exchange();
    client.close();
    await until(() => sdk.spans.length === 1);
    expect(sdk.spans[0]?.status.code).toBe(0);
    expect(sdk.spans[0]?.attributes['error.type']).toBe('ECONNRESET');
    expect(sdk.spans[0]?.attributes).not.toHaveProperty(['http.response.status_code']);
  });

  it('for another protocol has a span until that is over', async () => {
    const { endpoint, sdk, upstream } = await tracedGateway();
    const client = rawClient(endpoint);
    client.send(`GET / HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
    const one = await upstream.exchange();
    expect(one.control.trace).toMatch(/^00-[\da-f]{32}-[\da-f]{16}-01$/);
    expect(sdk.spans).toEqual([]);
    one.reply(404);
    await until(() => sdk.spans.length === 1);
    expect(sdk.spans[0]?.attributes['http.response.status_code']).toBe(404);
    expect(one.control.trace).toContain(sdk.spans[0]?.spanContext().spanId);
  });

  it.each([
    [
      'a server span around it, as an instrumentation of node:http makes, is an inner part of that',
      SpanKind.SERVER,
    ],
    ['another span around it, which is none of its own, is not part of that', SpanKind.INTERNAL],
  ])('with %s', async (_, kind) => {
    const { endpoint, sdk, upstream } = await tracedGateway();
    upstream.onOpen = (one) => one.reply(200);
    const around = trace.getTracer('instrumentation').startSpan('around', { kind });
    emitIn(trace.setSpan(ROOT_CONTEXT, around));
    await exchange(endpoint, `GET / HTTP/1.1\r\n${HOST}${CLOSE}`);
    await until(() => sdk.spans.length === 1);
    const isInner = kind === SpanKind.SERVER;
    expect(sdk.spans[0]?.kind).toBe(isInner ? SpanKind.INTERNAL : SpanKind.SERVER);
    const { spanId } = around.spanContext();
    expect(sdk.spans[0]?.parentSpanContext?.spanId).toBe(isInner ? spanId : undefined);
  });
});

/** Servers of node:http emit in this context, until the running test ends. */
function emitIn(around: Context): void {
  const { emit } = Server.prototype;
  Server.prototype.emit = function (this: Server, ...args: never[]): boolean {
    return context.with(around, () => Reflect.apply(emit, this, args) === true);
  };
  onTestFinished(() => {
    Server.prototype.emit = emit;
  });
}
