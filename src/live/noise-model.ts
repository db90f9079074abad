import type { Settings } from '../config/kinds.ts';
import type { Names } from '../models/names.ts';
import { helperRemedy } from '../speech/steps/models.ts';
import type { Router } from '../workers/router.ts';
import type { LiveCaller } from './contract.ts';
import type { OpenNoiseStream } from './noise-reduction.ts';
import { NoiseStream } from './noise-stream.ts';

export interface NoiseModelDeps {
  router: Router;
  names: Names;
  settings: Settings;
}

/** How a session gets at the model that takes out noise, looked for each time: it may come while the session lasts. */
export function noiseModel({ router, names, settings }: NoiseModelDeps, caller: LiveCaller): OpenNoiseStream {
  return (options) => {
    const model = names.default('denoise');
    if (model?.capabilities.denoiseLive === undefined) {
      return `There is no model that does it. Get one with: ${helperRemedy('denoise')}`;
    }
    const { id } = model.manifest;
    const status = router.status().models.find((each) => each.id === id);
    // One place is left to recordings, which do not hold it for hours.
    if (status?.state === 'loaded' && status.running >= Math.max(1, status.slots - 1))
      return 'There is no room for it.';
    const context = {
      ...{ requestId: caller.requestId, caller: caller.keyId, lane: 'interactive' as const },
      timeoutMs: settings.limits.socketLifetimeMs,
    };
    const { delaySamples } = model.capabilities.denoiseLive;
    return new NoiseStream({ router, model: id, delaySamples, context, ...options });
  };
}
