/**
 * The one door of @zscale/core.
 */

export { checkService, type ServiceCheck } from './check.ts';
export {
  type Client,
  type ClientOptions,
  type ClientStats,
  connect,
  type RequestOptions,
} from './client.ts';
export { collectLater } from './collector.ts';
export { type ControlPath, listControlPaths } from './control/control-path.ts';
export type {
  ChangeReport,
  DeathEntry,
  EndProfileReport,
  GatewayReport,
  InspectReport,
  JournalEntry,
  JournalReport,
  KillReport,
  MachineReport,
  MachinesReport,
  MetricsReport,
  ProfileReport,
  StatsReport,
  StatusReport,
  SupervisorKind,
  WorkerReport,
} from './control/control-report.ts';
export {
  CONTROL_VERSION,
  type ControlRequest,
  type ControlVerb,
} from './control/control-request.ts';
export {
  currentBaggage,
  currentContext,
  currentTrace,
  type HandlerContext,
  type TraceContext,
  type WorkerIdentity,
} from './current-context.ts';
export {
  type CurveKeys,
  type CurveOptions,
  type CurvePeerOptions,
  checkKey,
  type OwnCurveKeys,
  readOwnKeys,
  writeKeyFiles,
} from './curve-keys.ts';
export {
  RemoteError,
  RequestTimeoutError,
  WorkerBootError,
  ZscaleError,
  type ZscaleErrorCode,
} from './errors.ts';
export type { GatewayExit } from './gateway-processes.ts';
export type { HandlerFunction, ReplyOf, RequestOf } from './handlers/handler.ts';
export { HTTP_FORMATS, type HttpFormat } from './http-options.ts';
export { join } from './join.ts';
export type { JoinOptions } from './join-options.ts';
export {
  createLogger,
  type Logger,
  type LoggerOptions,
  type LogLevel,
  type LogMethod,
} from './logger.ts';
export type { BackendInfo, Machine, MachineEvents } from './machine.ts';
export type { GatewayStats } from './messages/gateway-message.ts';
export { type Codec, createCodec } from './messages/payload.ts';
export type { ProfileKind } from './messages/profile-message.ts';
export type { RequestWords } from './messages/request-control.ts';
export { nearestName } from './nearest-name.ts';
export {
  BALANCES,
  type Balance,
  CODEC_NAMES,
  type CodecName,
  faultOfOption,
  OUTPUTS,
  type OutputOption,
  type PoolOptions,
  type Renewal,
  type ScaleOptions,
} from './options.ts';
export type { QueueStats, WorkerStats } from './queue/queue-stats.ts';
export { type Command, scale } from './scale.ts';
export type { GatewayInfo, Server, ServerEvents, ServerStats } from './service.ts';
export type { WorkerInfo } from './supervisor/supervisor.ts';
export type { WorkerState } from './supervisor/worker-process.ts';
export { exposeMetrics, type MetricsRegistry } from './worker/application-metrics.ts';
export { leader } from './worker/leader.ts';
export { loadModule } from './worker/load-module.ts';
