import { readListenParams } from '../../deepgram/listen-params.ts';
import { ListenSession } from '../../deepgram/listen-session.ts';
import { openListening } from '../../live/listening.ts';
import type { SpeechService } from '../../speech/service.ts';
import type { App } from '../app.ts';
import { withScope } from '../policy.ts';
import { HoldBack } from '../sockets/hold-back.ts';
import { socketRoute } from '../sockets/route.ts';
import type { Sockets } from '../sockets/sockets.ts';
import { earOf, modelInfoOf } from './names.ts';
import { punctuation } from './punctuation.ts';

interface Plan {
  session: ListenSession;
  gone: AbortController;
}

/** `WS /v1/listen`: Deepgram's live protocol. */
export function listenSocket(app: App, sockets: Sockets, service: SpeechService): void {
  const { settings, names } = service;
  socketRoute<Plan>(app, sockets, '/v1/listen', {
    policy: withScope('speech'),
    async plan(request) {
      const params = readListenParams(request.query as Record<string, unknown>);
      const gone = new AbortController();
      const caller = { requestId: request.id, keyId: request.principal!.keyId, signal: gone.signal };
      const model = earOf(names, params.model);
      const punctuate = params.punctuate
        ? punctuation(service, names.model('stt', model, params.language), params.language, caller)
        : undefined;
      const session = await ListenSession.open(
        {
          openListening: (options, onEvent) => openListening(service, options, caller, onEvent),
          decodeLive: (options) => service.media.decodeLive({ ...options, caller: caller.keyId }),
          modelInfo: (id) => modelInfoOf(names, id),
          requestId: request.id,
          punctuate,
          backlogMs: settings.limits.liveBacklogMs,
          silentMs: settings.limits.deepgramSilentMs,
        },
        { ...params, model },
      );
      return { session, gone };
    },
    dropped: ({ session }) => session.closed(),
    headers: (request) => ({ 'dg-request-id': request.id }),
    open(socket, { session, gone }) {
      socket.signal.addEventListener('abort', () => gone.abort(socket.signal.reason), { once: true });
      const holdBack = new HoldBack(
        socket,
        () => session.backlogMs,
        settings.limits.liveBacklogMs,
        () => session.hearsSomebody,
      );
      session.begin(socket);
      return {
        text: (text) => session.text(text),
        binary(bytes) {
          session.binary(bytes);
          holdBack.check();
        },
        goodbye: () => session.goodbye(),
        closed() {
          holdBack.stop();
          session.closed();
        },
      };
    },
  });
}
