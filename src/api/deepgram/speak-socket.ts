import { readLiveSpeakParams } from '../../deepgram/speak-params.ts';
import { SpeakSession } from '../../deepgram/speak-session.ts';
import { openSpeaking } from '../../live/speaking.ts';
import type { SpeechService } from '../../speech/service.ts';
import type { App } from '../app.ts';
import { withScope } from '../policy.ts';
import { socketRoute } from '../sockets/route.ts';
import type { Sockets } from '../sockets/sockets.ts';
import { modelInfoOf, voiceOf } from './names.ts';

interface Plan {
  session: SpeakSession;
  gone: AbortController;
}

/** `WS /v1/speak`: text is spoken while it is being written. */
export function speakSocket(app: App, sockets: Sockets, service: SpeechService): void {
  const { names } = service;
  socketRoute<Plan>(app, sockets, '/v1/speak', {
    policy: withScope('speech'),
    plan(request) {
      const { model: name, speed, output } = readLiveSpeakParams(request.query as Record<string, unknown>);
      const { model, voice } = voiceOf(names, name);
      const gone = new AbortController();
      const speaking = openSpeaking(
        service,
        { model, ...(voice === undefined ? {} : { voice }), speed, sampleRate: output.sampleRate },
        { requestId: request.id, keyId: request.principal!.keyId, signal: gone.signal },
      );
      const info = modelInfoOf(names, speaking.model);
      const session = new SpeakSession({ speaking, encoding: output.encoding, requestId: request.id, model: info });
      return { session, gone };
    },
    dropped: ({ gone }) => gone.abort(),
    headers: (request) => ({ 'dg-request-id': request.id }),
    open(socket, { session, gone }) {
      socket.signal.addEventListener('abort', () => gone.abort(socket.signal.reason), { once: true });
      session.begin(socket);
      return {
        text: (text) => session.text(text),
        goodbye: () => session.goodbye(),
        closed: () => session.closed(),
      };
    },
  });
}
