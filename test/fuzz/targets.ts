/** Every fuzz target, from the wire up. */

import type { FuzzTarget } from './target.ts';
import { carried, commands, encoder, metadata, subscriptions } from './targets/codecs.ts';
import { curveBoxes, curveHandshake, curveInsider, curveTraffic } from './targets/curve.ts';
import { decoder } from './targets/decoder.ts';
import { binds, connects, parses } from './targets/endpoints.ts';
import { handshake } from './targets/handshake.ts';
import { options } from './targets/options.ts';
import { rawStream } from './targets/raw-stream.ts';
import { sharedRing } from './targets/shared-ring.ts';
import { socks } from './targets/socks.ts';
import { traffic } from './targets/traffic.ts';
import { z85 } from './targets/z85.ts';
import { zapHandler, zapReplies } from './targets/zap.ts';

export const TARGETS: readonly FuzzTarget[] = [
  decoder,
  encoder,
  commands,
  metadata,
  subscriptions,
  z85,
  curveBoxes,
  curveTraffic,
  curveHandshake,
  curveInsider,
  zapReplies,
  zapHandler,
  handshake,
  traffic,
  rawStream,
  sharedRing,
  carried,
  parses,
  connects,
  binds,
  socks,
  options,
];
