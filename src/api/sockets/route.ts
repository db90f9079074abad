import type { IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';
import { WebSocketServer } from 'ws';
import { SpeechError } from '../../errors.ts';
import type { App } from '../app.ts';
import type { Policy } from '../policy.ts';
import { checkHandshake, offeredProtocols, selectProtocol } from './handshake.ts';
import { type SocketHandlers, SocketSession } from './session.ts';
import type { Sockets } from './sockets.ts';

export interface SocketRoute<Plan> {
  policy: Policy;
  /** Subprotocols that may be selected; `token` and `bearer`, which come with a key, need not be named. */
  protocols?: readonly string[];
  /** Longest message, where the protocol needs another bound than `socketMessageBytes`. */
  messageBytes?: number;
  /** How long nothing may be said, where the protocol needs another bound than `socketIdleMs`. */
  idleMs?: number;
  /** Looks at the request before the socket opens. What it throws is the answer to the handshake. */
  plan(request: FastifyRequest): Plan | Promise<Plan>;
  /** What was planned never opened: the client left, or there was no room. */
  dropped?(plan: Plan): void;
  /** The socket is open: says what becomes of its messages. */
  open(session: SocketSession, plan: Plan): SocketHandlers;
  /** Headers of the answer that opens the socket, besides `x-request-id`. */
  headers?(request: FastifyRequest): Readonly<Record<string, string>>;
}

/** Time a client has to answer a close frame, in ms. */
const CLOSE_MS = 5000;

/**
 * The one way to add a WebSocket. The handshake is a request like any other until everything is decided: Host, Origin,
 * key, scope, rates, then its own headers, the plan and the number of sockets; each refusal is an HTTP answer. Only
 * then does it become a socket. A plain GET is told so with 426.
 */
export function socketRoute<Plan>(app: App, sockets: Sockets, path: string, route: SocketRoute<Plan>): void {
  const { limits } = sockets.settings;
  const own = route.idleMs === undefined ? limits : { ...limits, socketIdleMs: route.idleMs };
  const selected = new WeakMap<IncomingMessage, string | undefined>();
  const answers = new WeakMap<IncomingMessage, Record<string, string>>();
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    // Compressing speech gains nothing, and 200 bytes may then become megabytes.
    perMessageDeflate: false,
    maxPayload: route.messageBytes ?? limits.socketMessageBytes,
    maxFragments: limits.socketFragments,
    closeTimeout: CLOSE_MS,
    handleProtocols: (_offered, request) => selected.get(request) ?? false,
  } as ConstructorParameters<typeof WebSocketServer>[0]);
  server.on('headers', (lines, request) => {
    for (const [name, value] of Object.entries(answers.get(request) ?? {})) lines.push(`${name}: ${value}`);
  });
  // Everything it would refuse was refused before; should it know more, the connection ends.
  server.on('wsClientError', (_error, socket) => socket.destroy());

  sockets.paths.set(path, route.policy);
  app.get(
    path,
    { config: { policy: route.policy, socket: true }, exposeHeadRoute: false, schema: { hide: true } },
    async (request, reply) => {
      const handshake = sockets.handshakeOf(request.raw);
      if (handshake === undefined) {
        reply.headers({ upgrade: 'websocket', connection: 'Upgrade' });
        throw new SpeechError('upgrade_required', 'This is a WebSocket: open it with ws: or wss:.');
      }
      if (request.headers['sec-websocket-version'] !== '13') reply.header('sec-websocket-version', '13');
      checkHandshake(request.headers);
      const offered = offeredProtocols(request.headers['sec-websocket-protocol']);
      selected.set(request.raw, selectProtocol(offered, route.protocols ?? []));
      const plan = await route.plan(request);
      const principal = request.principal!;
      let opened = false;
      try {
        sockets.admit(principal);
        reply.hijack();
        answers.set(request.raw, { 'x-request-id': request.id, ...route.headers?.(request) });
        reply.raw.statusCode = 101;
        reply.raw.detachSocket(handshake.socket as Parameters<typeof reply.raw.detachSocket>[0]);
        server.handleUpgrade(request.raw, handshake.socket, handshake.head, (ws) => {
          const session = new SocketSession(ws, {
            requestId: request.id,
            path,
            principal,
            limits: own,
            log: sockets.log,
            metrics: sockets.metrics,
          });
          opened = true;
          sockets.add(session);
          session.attach(() => route.open(session, plan));
        });
      } finally {
        if (!opened) route.dropped?.(plan);
      }
      // As a request it is over.
      reply.raw.emit('close');
    },
  );
}
