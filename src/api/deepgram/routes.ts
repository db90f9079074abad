import type { SpeechService } from '../../speech/service.ts';
import type { App } from '../app.ts';
import type { Sockets } from '../sockets/sockets.ts';
import type { Uploads } from '../upload.ts';
import { listenRecording } from './listen-recording.ts';
import { listenSocket } from './listen-socket.ts';
import { speakSocket } from './speak-socket.ts';
import { speakText } from './speak-text.ts';

const PATHS: ReadonlySet<string> = new Set(['/v1/listen', '/v1/speak']);
const MAX_REASON = 200;

/** Deepgram's protocol: live and recorded speech at `/v1/listen`, the voice at `/v1/speak`. */
export async function deepgramRoutes(
  app: App,
  sockets: Sockets,
  service: SpeechService,
  uploads: Uploads,
): Promise<void> {
  // A scope of its own: nowhere else is a request's body a recording.
  await app.register(async (scope) => {
    scope.addHook('onSend', async (request, reply, payload) => {
      if (!PATHS.has(request.routeOptions.url ?? '')) return payload;
      void reply.header('dg-request-id', request.id);
      if (reply.statusCode >= 400 && typeof payload === 'string') void reply.header('dg-error', reasonOf(payload));
      return payload;
    });
    if (service.settings.sttEnabled) {
      listenSocket(scope as App, sockets, service);
      listenRecording(scope as App, service, uploads);
    }
    if (service.settings.ttsEnabled) {
      speakSocket(scope as App, sockets, service);
      speakText(scope as App, service);
    }
  });
}

/** The message of our error as a header can carry it. */
function reasonOf(body: string): string {
  try {
    const { error } = JSON.parse(body) as { error: { message: string } };
    return error.message.replace(/[^\x20-\x7e]+/g, '?').slice(0, MAX_REASON);
  } catch {
    return 'The request failed.';
  }
}
