import type { FastifyRequest } from 'fastify';
import { SpeechError } from '../../errors.ts';
import { LanguageModel } from '../../realtime/language-model.ts';
import { RealtimeProblem } from '../../realtime/problem.ts';
import { type RealtimeDeps, RealtimeSession, type RealtimeStart } from '../../realtime/session.ts';
import { randomToken } from '../../security/secrets.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { App } from '../app.ts';
import { socketToken } from '../credentials.ts';
import { withScope } from '../policy.ts';
import { CLOSE } from '../sockets/close-codes.ts';
import { offeredProtocols } from '../sockets/handshake.ts';
import { HoldBack } from '../sockets/hold-back.ts';
import { socketRoute } from '../sockets/route.ts';
import type { SocketHandlers, SocketSession } from '../sockets/session.ts';
import type { Sockets } from '../sockets/sockets.ts';
import type { ClientSecrets } from './client-secrets.ts';
import { recogniserOf, rulesOf, type SessionDeps, sessionStart } from './session-start.ts';

export interface RealtimeSocketDeps extends SessionDeps {
  openListening: RealtimeDeps['openListening'];
  openSpeaking: RealtimeDeps['openSpeaking'];
  secrets: ClientSecrets;
}

type Plan = Omit<RealtimeStart, 'caller' | 'salt'>;

/** How clients that speak the protocol from before general availability say so. */
const BETA_HEADER = /\brealtime=v1\b/;
const BETA_PROTOCOL = 'openai-beta.realtime-v1';

/** `GET /v1/realtime`: OpenAI's Realtime protocol. */
export function realtimeSocket(app: App, sockets: Sockets, deps: RealtimeSocketDeps): void {
  const { settings, names } = deps;
  const { limits } = settings;
  const languageModel =
    settings.llmUrl === ''
      ? undefined
      : new LanguageModel({
          url: settings.llmUrl,
          model: settings.llmModel,
          apiKey: settings.llmApiKey,
          idleMs: limits.languageModelIdleMs,
          maxBytes: limits.languageModelAnswerBytes,
        });
  const rules = rulesOf(deps);

  socketRoute<Plan>(app, sockets, '/v1/realtime', {
    policy: withScope('speech'),
    protocols: ['realtime'],
    messageBytes: limits.realtimeMessageBytes,
    idleMs: limits.realtimeIdleMs,
    plan: (request) => planOf(request, deps),
    open: (socket, plan) => {
      const session = new RealtimeSession(
        {
          rules,
          maxBacklogMs: limits.liveBacklogMs,
          languageModel,
          log: sockets.log,
          openListening: deps.openListening,
          openSpeaking: deps.openSpeaking,
          recogniser: (name) => recogniserOf(names, name),
          ready: () => socket.ready(),
          charge: (bytes) => socket.charge(bytes),
        },
        {
          ...plan,
          salt: randomToken()
            .replaceAll(/[^A-Za-z0-9]/g, '')
            .slice(0, 12),
          caller: { requestId: socket.requestId, keyId: socket.principal.keyId, signal: socket.signal },
        },
        (event) => tell(socket, sockets.metrics, event),
      );
      return handlersOf(
        session,
        new HoldBack(
          socket,
          () => session.backlogMs,
          limits.liveBacklogMs,
          () => session.hearsSomebody,
        ),
      );
    },
  });
}

function handlersOf(session: RealtimeSession, holdBack: HoldBack): SocketHandlers {
  return {
    text: (text) => {
      session.receive(text);
      holdBack.check();
    },
    // The protocol is text alone, and errors in it end nothing.
    binary: () => session.refuse(new RealtimeProblem('invalid_event', 'Binary messages are not part of the protocol.')),
    goodbye: () =>
      session.finish(new RealtimeProblem('server_shutting_down', 'The server is shutting down.', null, 'server_error')),
    ending: (code, reason) => {
      const expired = code === CLOSE.lifetime || code === CLOSE.idle;
      session.refuse(new RealtimeProblem(expired ? 'session_expired' : 'session_ended', reason));
    },
    closed: () => {
      holdBack.stop();
      session.close();
    },
  };
}

/** Sends an event, and counts what operators want to know of. */
function tell(socket: SocketSession, metrics: Metrics, event: object): void {
  const { type, error, response } = event as {
    type: string;
    error?: { code: string };
    response?: { status: string; status_details: { reason?: string } | null };
  };
  if (type === 'response.done') {
    const interrupted = response!.status_details?.reason === 'turn_detected';
    metrics.responseEnded(interrupted ? 'interrupted' : (response!.status as Parameters<Metrics['responseEnded']>[0]));
  }
  if (type === 'error') socket.sendError(event, error!.code);
  else socket.send(event);
}

function planOf(request: FastifyRequest, deps: RealtimeSocketDeps): Plan {
  const query = request.query as Record<string, unknown>;
  const text = (name: string): string | undefined => {
    const value = query[name];
    return typeof value === 'string' && value !== '' && value.length <= 256 ? value : undefined;
  };
  if (query.call_id !== undefined) {
    throw new SpeechError('invalid_request', 'There are no calls here, only WebSocket sessions.', { param: 'call_id' });
  }
  const configuration = deps.secrets.configurationOf(socketToken(request)) as Record<string, unknown> | undefined;
  const intent = text('intent');
  if (intent !== undefined && intent !== 'transcription' && intent !== 'conversation') {
    throw new SpeechError('invalid_request', "intent must be 'transcription' or left out.", { param: 'intent' });
  }
  const model = text('model');
  const kind = intent === 'transcription' || configuration?.type === 'transcription' ? 'transcription' : 'realtime';
  if (kind === 'realtime' && model === undefined && configuration === undefined) {
    throw new SpeechError('invalid_request', 'Name a model, or intent=transcription.', { param: 'model' });
  }
  // Whoever transcribes names the recogniser, and should be told before the socket opens that there is none.
  if (kind === 'transcription' && model !== undefined) recogniserOf(deps.names, model);
  const named = model ?? (typeof configuration?.model === 'string' ? configuration.model : '');
  const offered = offeredProtocols(request.headers['sec-websocket-protocol']);
  return {
    session: sessionStart(deps, kind, named),
    configuration,
    beta: BETA_HEADER.test(String(request.headers['openai-beta'] ?? '')) || offered.includes(BETA_PROTOCOL),
  };
}
