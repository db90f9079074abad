import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { KeyStore } from '../accounts/keys.ts';
import type { Principal } from '../accounts/scopes.ts';
import type { Settings } from '../config/kinds.ts';
import { SpeechError } from '../errors.ts';
import { clientAddressFinder, proxyChecker, rateKey } from '../security/addresses.ts';
import { hostChecker } from '../security/hosts.ts';
import { originChecker } from '../security/origins.ts';
import { type RateState, rateLimiter, rateLimitHeaders } from '../security/rate-limit.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { SecurityLog } from '../telemetry/security-log.ts';
import { type CredentialKind, requestToken, socketToken } from './credentials.ts';
import { asksForSocket } from './sockets/handshake.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who is asking. Set on every route whose policy asks for a key. */
    principal: Principal | null;
  }
}

export interface GuardDeps {
  settings: Settings;
  keys: KeyStore;
  securityLog: SecurityLog;
  metrics: Metrics;
  /** What may stand for a caller besides API keys. */
  credentials: readonly CredentialKind[];
}

/** Who everyone is when authentication is disabled: no administrator, and counted as one caller. */
const ANYONE: Principal = {
  keyId: 'anyone',
  name: 'authentication disabled',
  scopes: new Set(['speech', 'models:read', 'models:write']),
};

/** Longest time a browser may remember a preflight answer, in seconds. */
const PREFLIGHT_S = 600;

/**
 * The one door. Every request passes, in this order: Host (DNS rebinding), URL length, Origin, key, scope, rate; the
 * handshake of a WebSocket, too, while it is still a request.
 * It looks at the method, the route's policy and these headers only: no other header changes the outcome.
 */
export function guardRequests(app: FastifyInstance, deps: GuardDeps): void {
  const { settings, keys, securityLog, metrics, credentials } = deps;
  const { limits } = settings;
  const hostAllowed = hostChecker(settings);
  const checkOrigin = originChecker(settings.corsOrigins);
  const checkSocketOrigin = originChecker([...settings.corsOrigins, ...settings.wsAllowedOrigins]);
  const clientAddress = clientAddressFinder(settings);
  const fromProxy = proxyChecker(settings);
  const entries = limits.trackedAddresses;
  const failures = rateLimiter({ perMinute: limits.authFailures, burst: 0, entries });
  const handshakes = rateLimiter({ perMinute: limits.socketHandshakes, burst: 0, entries });
  const uses = rateLimiter({ perMinute: settings.rateLimit || 1, burst: settings.rateLimitBurst, entries });

  app.decorateRequest('principal', null);

  const addressOf = (request: FastifyRequest): string => {
    const forwarded = request.headers['x-forwarded-for'];
    return clientAddress(request.raw.socket.remoteAddress, Array.isArray(forwarded) ? forwarded.join(',') : forwarded);
  };

  app.addHook('onRequest', async (request, reply) => {
    if (namesTwoHosts(request.raw.rawHeaders)) {
      throw new SpeechError('invalid_request', 'The request has more than one Host header.');
    }
    if (!hostAllowed(request.headers.host)) {
      securityLog.record({ event: 'host_refused', address: addressOf(request) });
      throw new SpeechError(
        'host_not_allowed',
        'This server does not answer to that Host name. Add it to OS_PUBLIC_HOSTS.',
      );
    }
    if (request.url.length > limits.urlBytes) {
      throw new SpeechError('invalid_request', `The URL is longer than ${limits.urlBytes} bytes.`);
    }
    const { policy, socket } = request.routeOptions.config;
    if (socket === true) limitHandshakes(request);
    const isPublic = policy === undefined || policy.access === 'public';
    if (answerOrigin(request, reply) === 'preflight') return reply;
    // A route that does not exist has no policy: it says so to everyone.
    if (isPublic) return;

    const principal = await authenticate(request);
    if (!policy.scopes.some((scope) => principal.scopes.has(scope))) {
      securityLog.record({ event: 'scope_refused', address: addressOf(request), keyId: principal.keyId });
      throw new SpeechError('insufficient_scope', `This key lacks the scope '${policy.scopes.join("' or '")}'.`);
    }
    request.principal = principal;
    limitUse(principal, reply);
  });

  /** Refuses foreign pages, and answers the preflight of those that are allowed. */
  function answerOrigin(request: FastifyRequest, reply: FastifyReply): 'preflight' | 'request' {
    const { origin } = request.headers;
    const proto = fromProxy(request.raw.socket.remoteAddress) ? request.headers['x-forwarded-proto'] : undefined;
    const scheme = settings.sslEnabled || proto === 'https' ? 'https' : 'http';
    const socket = request.routeOptions.config.socket === true;
    const verdict = (socket ? checkSocketOrigin : checkOrigin)(origin, { scheme, host: request.headers.host ?? '' });
    if (verdict === 'refused') {
      securityLog.record({ event: 'origin_refused', address: addressOf(request) });
      const setting = socket ? 'OS_WS_ALLOWED_ORIGINS' : 'OS_CORS_ORIGINS';
      throw new SpeechError('origin_not_allowed', `Pages of this origin may not call this server (${setting}).`);
    }
    if (verdict !== 'listed') return 'request';
    reply.headers({
      'access-control-allow-origin': origin,
      'access-control-expose-headers': '*',
      vary: 'origin',
    });
    if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) {
      return 'request';
    }
    void reply
      .code(204)
      .headers({
        'access-control-allow-methods': 'GET, POST, DELETE',
        'access-control-allow-headers': request.headers['access-control-request-headers'] ?? '',
        'access-control-max-age': String(PREFLIGHT_S),
      })
      .send();
    return 'preflight';
  }

  async function authenticate(request: FastifyRequest): Promise<Principal> {
    if (settings.authDisabled) return ANYONE;
    const name = rateKey(addressOf(request));
    const waiting = failures.peek(name);
    if (!waiting.allowed) {
      metrics.rateLimited('address');
      securityLog.record({ event: 'address_blocked', address: addressOf(request), requestId: request.id });
      throw new SpeechError('rate_limit_exceeded', 'Too many failed keys from this address. Try again later.', {
        retryAfterMs: waiting.retryAfterMs,
      });
    }
    const { config, url = '' } = request.routeOptions;
    const opens = config.socket === true && asksForSocket(request.method, request.headers);
    const token = opens ? socketToken(request) : requestToken(request);
    const kind = credentials.find(({ mark }) => token?.startsWith(mark)) ?? keys;
    const principal = token === undefined ? undefined : await kind.authenticate(token, url);
    if (principal !== undefined) return principal;
    // A request without any key is a mistake or a page's first look, not a guess.
    if (token !== undefined) failures.take(name);
    metrics.authenticationFailed();
    securityLog.record({
      event: 'authentication_failed',
      address: addressOf(request),
      requestId: request.id,
      reason: token === undefined ? 'no key' : 'wrong key',
    });
    const inQuery = /[?&](api[_-]?key|key|token)=/i.test(request.url);
    throw new SpeechError(
      'invalid_api_key',
      inQuery
        ? 'A key in the URL ends up in logs and is not accepted. Send it as `Authorization: Bearer <key>`.'
        : token === undefined
          ? 'No API key was given. Send it as `Authorization: Bearer <key>`.'
          : 'The API key is not valid.',
    );
  }

  /** Counts every handshake, before anything that costs more than counting. */
  function limitHandshakes(request: FastifyRequest): void {
    const { allowed, retryAfterMs } = handshakes.take(rateKey(addressOf(request)));
    if (allowed) return;
    metrics.rateLimited('address');
    throw new SpeechError('rate_limit_exceeded', 'Too many sockets were opened from this address. Try again later.', {
      retryAfterMs,
    });
  }

  function limitUse(principal: Principal, reply: FastifyReply): void {
    const own = principal.requestsPerMinute;
    if (settings.rateLimit === 0 && own === undefined) return;
    const state: RateState = uses.take(principal.keyId, own === undefined ? undefined : { perMinute: own });
    reply.headers(rateLimitHeaders(state));
    if (state.allowed) return;
    metrics.rateLimited('key');
    throw new SpeechError('rate_limit_exceeded', `This key may make ${state.limit} requests a minute.`, {
      retryAfterMs: state.retryAfterMs,
    });
  }
}

/** Of two Host headers a proxy in front may believe the other one: RFC 9112 section 3.2 has them refused. */
function namesTwoHosts(rawHeaders: readonly string[]): boolean {
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) if (rawHeaders[at]!.toLowerCase() === 'host') hosts++;
  return hosts > 1;
}
