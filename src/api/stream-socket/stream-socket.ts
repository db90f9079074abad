import { randomUUID } from 'node:crypto';
import type { Listening } from '../../live/contract.ts';
import { openListening } from '../../live/listening.ts';
import type { SpeechService } from '../../speech/service.ts';
import { stepModels } from '../../speech/steps/models.ts';
import type { App } from '../app.ts';
import { withScope } from '../policy.ts';
import { socketRoute } from '../sockets/route.ts';
import type { Sockets } from '../sockets/sockets.ts';
import { readParameters, type StreamParameters } from './parameters.ts';
import { StreamSession } from './stream-session.ts';

interface Plan {
  session: StreamSession;
  listening: Listening;
  gone: AbortController;
}

/** `WS /v1/audio/stream`: Open Speech's own live protocol (docs/sockets.md). */
export function streamSocket(app: App, sockets: Sockets, service: SpeechService): void {
  const { settings } = service;
  if (!settings.sttEnabled) return;
  socketRoute<Plan>(app, sockets, '/v1/audio/stream', {
    policy: withScope('speech'),
    async plan(request) {
      const parameters = readParameters(request.query, settings);
      const session = new StreamSession(parameters, settings);
      const gone = new AbortController();
      const caller = { requestId: request.id, keyId: request.principal!.keyId, signal: gone.signal };
      // Before the socket opens, so that a model that cannot hear is an answer to the handshake.
      const options = { ...parameters.listening, reduceNoise: reducesNoise(parameters, service) };
      const listening = await openListening(service, options, caller, (event) => session.hear(event));
      return { session, listening, gone };
    },
    dropped: ({ gone }) => gone.abort(),
    open(socket, { session, listening, gone }) {
      socket.signal.addEventListener('abort', () => gone.abort(socket.signal.reason), { once: true });
      session.begin(socket, listening, randomUUID());
      return session;
    },
  });
}

/** Whether noise is to be taken out: asked for, refused and set by the operator as for recordings. */
function reducesNoise({ denoise, listening }: StreamParameters, { names, settings }: SpeechService): boolean {
  const recogniser = names.model('stt', listening.model, listening.language);
  return stepModels({ denoise }, recogniser, names, settings).denoise !== undefined;
}
