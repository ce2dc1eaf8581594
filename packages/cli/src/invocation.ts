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
  ProfileKind,
  ScaleOptions,
} from '@zscale/core';
import type { Device, DeviceOptions } from '@zscale/transport';
import type { ProgramOutline, Shell } from './completion-script.ts';
import type { FrameForm } from './frame-forms.ts';
import type { LogFormat } from './settings.ts';
import type { Settlement } from './settings-origin.ts';
import type { StartWords } from './start-command.ts';
import type { WatchPlan } from './watcher.ts';

/** Everything that can be asked for. */
export type Invocation =
  | PrintInvocation
  | RunInvocation
  | JoinInvocation
  | ConfigInvocation
  | CheckInvocation
  | CallInvocation
  | InjectInvocation
  | DeviceInvocation
  | KeygenInvocation
  | InitInvocation
  | ControlInvocation
  | KnifeInvocation
  | CompletionInvocation
  | StartInvocation
  | ProfileInvocation
  | TopInvocation
  | BenchInvocation;

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
  /** Files of environment variables for the workers. */
  readonly envFiles?: readonly string[];
  /** What it is reloaded for; undefined for nothing. */
  readonly watch?: WatchPlan;
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
  readonly envFiles?: readonly string[];
  /** As for `run`. */
  readonly watch?: WatchPlan;
  /** As for `run`. */
  readonly logLevel: LogLevel | undefined;
  /** As for `run`. */
  readonly logFormat: LogFormat | 'auto';
}

/** `zscale config`. */
export interface ConfigInvocation {
  readonly command: 'config';
  /** What was said; every setting; or the schema of config files. */
  readonly form: 'said' | 'effective' | 'schema';
  /** Print one JSON object; default false. */
  readonly json: boolean;
  /** The settings of `zscale run`, had it been given the same flags. */
  readonly settlement: Settlement;
}

/** `zscale check`. */
export interface CheckInvocation {
  readonly command: 'check';
  /** What is checked: how it would be run. */
  readonly run: RunInvocation;
  /** Print one JSON object; default false. */
  readonly json: boolean;
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
  [Verb in Exclude<ControlRequest['verb'], 'profile' | 'end-profile'>]: {
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
}[Exclude<ControlRequest['verb'], 'profile' | 'end-profile'>];

/** `zscale profile`. */
export interface ProfileInvocation {
  readonly command: 'profile';
  /** Which service, where several run; undefined for the only one. */
  readonly name: string | undefined;
  /** The path of its control socket; comes before the name. */
  readonly control: string | undefined;
  readonly kind: ProfileKind;
  readonly worker: number;
  /** How long a CPU profile takes, in ms; 0 for a heap snapshot. */
  readonly time: number;
  /** Where the file goes, as it was typed; undefined for a name of its own in the present folder. */
  readonly file: string | undefined;
  /** Print one JSON object; default false. */
  readonly json: boolean;
}

/** `zscale top`. */
export interface TopInvocation {
  readonly command: 'top';
  /** Which service, where several run; undefined for the only one. */
  readonly name: string | undefined;
  /** The path of its control socket; comes before the name. */
  readonly control: string | undefined;
  /** How often it looks, in ms; default 1000. */
  readonly interval: number;
}

/** What `zscale bench --chaos` does to workers. */
export type ChaosAct = 'kill' | 'reload' | 'drain' | 'pause';

/** `zscale bench`. */
export interface BenchInvocation {
  readonly command: 'bench';
  /** Which service, where several run; undefined for the only one. */
  readonly name: string | undefined;
  /** The path of its control socket; comes before the name. */
  readonly control: string | undefined;
  /** Where to; undefined: the service says. */
  readonly endpoint: string | undefined;
  /** JSON (with codec raw: any text); undefined for a usual one, of HTTP a GET. */
  readonly message: string | undefined;
  /** Requests at once; default 64. */
  readonly concurrency: number;
  /** Ms; Infinity for as long as `requests` takes. */
  readonly duration: number;
  /** Infinity for as many as there is time for. */
  readonly requests: number;
  /** Per second, of their own accord; undefined: each client asks again when it was answered. */
  readonly rate: number | undefined;
  /** Undefined: the service says, or `msgpack`. */
  readonly codec: CodecName | undefined;
  /** For each reply, ms; default 5000. */
  readonly timeout: number;
  /** How often what is done to the workers meanwhile, in ms; empty for nothing. */
  readonly chaos: ReadonlyMap<ChaosAct, number>;
  /** Keys, where the service speaks CURVE. */
  readonly curve?: CurvePeerOptions;
  /** Print one JSON object; default false. */
  readonly json: boolean;
}

/** The sockets that are commands. */
export type KnifeVerb = 'req' | 'rep' | 'pub' | 'sub' | 'push' | 'pull';

/** `zscale req`, `zscale pub` ...: one socket of ZeroMQ. */
export interface KnifeInvocation {
  readonly command: KnifeVerb;
  readonly endpoints: readonly string[];
  /** Bind them; default: connect. */
  readonly bind: boolean;
  /** How messages are read and printed; default `text`. */
  readonly form: FrameForm;
  /** What to send; undefined: the lines of `file`. */
  readonly messages: readonly (readonly Buffer[])[] | undefined;
  /** Undefined: stdin. */
  readonly file: string | undefined;
  /** How many messages to send or take; undefined: each one once, or without end. */
  readonly count: number | undefined;
  /** Milliseconds from one message sent to the next; default 0. */
  readonly interval: number;
  /** Milliseconds in which something must happen; default Infinity. */
  readonly timeout: number;
  /** Milliseconds for what is unsent at the end; default as `timeout`. */
  readonly linger: number;
  /** `pub`: subscriptions to wait for first; default 1. */
  readonly wait: number;
  /** `sub`: what messages begin with; default everything. */
  readonly topics: readonly Buffer[];
  /** `rep`: the answer; default: the request. */
  readonly answer: readonly Buffer[] | undefined;
  /** `rep`: the command whose output is the answer. */
  readonly exec: string | undefined;
  /** Messages that may wait, per peer and direction; default 1000, Infinity for no limit. */
  readonly highWaterMark: number;
  /** Bytes of the largest message sent or taken; default 64 MiB, Infinity for no limit. */
  readonly maxMessageSize: number;
  /** Keys: of one's own with `bind`, else also of who binds. */
  readonly curve: CurvePeerOptions | undefined;
}

/** `zscale completion`. */
export interface CompletionInvocation {
  readonly command: 'completion';
  readonly shell: Shell;
  /** What there is to complete. */
  readonly outline: ProgramOutline;
}

/** `zscale start`. */
export interface StartInvocation extends StartWords {
  readonly command: 'start';
}
