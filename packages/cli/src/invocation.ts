/**
 * What a person asked for on the command line, understood and checked.
 *
 * The seam between args.ts, which makes an Invocation from text, and the commands, which carry one
 * out. Types only.
 */
import type {
  CodecName,
  ControlRequest,
  CurvePeerOptions,
  JoinOptions,
  LogLevel,
  ScaleOptions,
} from '@zscale/core';
import type { Device, DeviceOptions } from '@zscale/transport';

/** Everything that can be asked for. */
export type Invocation =
  | PrintInvocation
  | RunInvocation
  | JoinInvocation
  | CallInvocation
  | InjectInvocation
  | DeviceInvocation
  | KeygenInvocation
  | InitInvocation
  | ControlInvocation;

/** `--help` and `--version`: print this text and be done. */
export interface PrintInvocation {
  readonly command: 'print';
  readonly text: string;
}

/** `zscale run`, or `zscale <entry>`. */
export interface RunInvocation {
  readonly command: 'run';
  /** The file to run, or the command, as it was typed. */
  readonly entry: string;
  /** The command to run; undefined when `entry` is a file. */
  readonly exec: string | undefined;
  /** What goes to `scale()`: only what was given, so defaults live where they are used. */
  readonly options: ScaleOptions;
  /** Undefined: the logger's own default. At `debug` expected errors show their stacks too. */
  readonly logLevel: LogLevel | undefined;
  /** Default `auto`: pretty on a terminal, JSON lines elsewhere. */
  readonly logFormat: LogFormat | 'auto';
}

/** `zscale join`. */
export interface JoinInvocation {
  readonly command: 'join';
  /** The file to run, as it was typed. */
  readonly entry: string;
  /** What goes to `join()`: only what was given, so defaults live where they are used. */
  readonly options: JoinOptions;
  /** As for `run`. */
  readonly logLevel: LogLevel | undefined;
  /** As for `run`. */
  readonly logFormat: LogFormat | 'auto';
}

/** `zscale keygen`. */
export interface KeygenInvocation {
  readonly command: 'keygen';
  /** Where the files go, without their endings. */
  readonly name: string;
  /** Print one JSON object; default false. */
  readonly json: boolean;
}

/** For what `zscale init` writes files. */
export type InitTarget = 'systemd' | 'docker' | 'k8s';

/** `zscale init`. */
export interface InitInvocation {
  readonly command: 'init';
  /** At least one. */
  readonly targets: readonly InitTarget[];
  /** The file to run; undefined: the likeliest of the folder. */
  readonly entry: string | undefined;
  /** Undefined: that of the project. */
  readonly name: string | undefined;
  /** Where clients connect; none: `http://*:3000`. */
  readonly bind: readonly string[];
  /** Whether machines of its own work for it; default false. */
  readonly machines: boolean;
  /** Write over files that are there; default false. */
  readonly force: boolean;
  /** Print one JSON object; default false. */
  readonly json: boolean;
}

/** `zscale call`. */
export interface CallInvocation {
  readonly command: 'call';
  readonly endpoint: string;
  /** JSON (with codec raw: any text); undefined means: read it from stdin. */
  readonly value: string | undefined;
  /** Default `msgpack`. */
  readonly codec: CodecName;
  /** Milliseconds from sending to the reply; default 5000, Infinity for none. */
  readonly timeout: number;
  /** Print a text or bytes as they are, without JSON around them; default false. */
  readonly rawOutput: boolean;
  /** Keys, where the service speaks CURVE. */
  readonly curve?: CurvePeerOptions;
  /** Name servers for `dns:` and `srv:`; left out: those of the system. */
  readonly dnsServers?: readonly string[];
}

/** `zscale inject`: a call for which the service says where and in which codec. */
export interface InjectInvocation
  extends Pick<CallInvocation, 'value' | 'timeout' | 'rawOutput' | 'curve'> {
  readonly command: 'inject';
  /** Which service, where several run; undefined for the only one. */
  readonly name: string | undefined;
  /** The path of its control socket; comes before the name. */
  readonly control: string | undefined;
}

/** `zscale device`. */
export interface DeviceInvocation {
  readonly command: 'device';
  readonly kind: Device['kind'];
  /** What goes to `device()`: only what was given, so defaults live where they are used. */
  readonly options: DeviceOptions;
  /** Print one JSON object per line; default false. */
  readonly json: boolean;
}

/** A command for a supervisor that runs: `zscale status`, `zscale reload` ... */
export type ControlInvocation = {
  [Verb in ControlRequest['verb']]: {
    readonly command: Verb;
    /** Which one, where several run; undefined for the only one. */
    readonly name: string | undefined;
    /** The path of its control socket; comes before the name. */
    readonly control: string | undefined;
    /** Print JSON; default false. */
    readonly json: boolean;
    /** `events` and `logs`: go on until interrupted; default false. */
    readonly follow: boolean;
    /** What is asked of it. */
    readonly request: Extract<ControlRequest, { readonly verb: Verb }>;
  };
}[ControlRequest['verb']];

/** How log lines look. */
export type LogFormat = 'json' | 'pretty';
