import { type AddressInfo, createServer, type Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { type ConnectOptions, connectTo } from '../engines/wyoming/connect.ts';
import { AUTHENTICATE, encodeEvent } from '../engines/wyoming/framing.ts';
import { SpeechError } from '../errors.ts';
import type { Log } from '../telemetry/log.ts';
import { listen } from './listen.ts';

export interface BridgeOptions {
  /** Where clients connect. Whoever reaches it speaks with the key, so it has to be loopback. */
  host: string;
  port: number;
  server: ConnectOptions;
  /** API key of the server, with the scope `speech`. */
  key: string;
  maxConnections: number;
  /** Silence in both directions after which a connection is given up, in ms. */
  idleMs: number;
  log: Log;
}

export interface Bridge {
  /** The port that clients connect to. */
  port: number;
  close(): Promise<void>;
}

/**
 * Stands in front of Wyoming clients that know neither keys nor TLS, as Home Assistant: takes them on this machine and
 * brings each to a server elsewhere, with the key. Throws what listening throws.
 */
export async function startBridge(options: BridgeOptions): Promise<Bridge> {
  const open = new Set<Socket>();
  const bridge = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    client.on('error', () => {});
    if (open.size >= options.maxConnections) {
      refuse(client, new SpeechError('overloaded', 'There are too many connections.'));
      return;
    }
    open.add(client);
    client.once('close', () => open.delete(client));
    void carry(client, options);
  });
  await listen(bridge, { host: options.host, port: options.port });
  return {
    port: (bridge.address() as AddressInfo).port,
    async close() {
      for (const client of open) client.destroy();
      await new Promise((resolve) => bridge.close(resolve));
    },
  };
}

async function carry(client: Socket, { server, key, idleMs, log }: BridgeOptions): Promise<void> {
  const left = new AbortController();
  client.once('close', () => left.abort());
  let upstream: Socket;
  try {
    upstream = await connectTo(server, left.signal);
  } catch (error) {
    if (left.signal.aborted) return;
    log.warn('The Wyoming server cannot be reached', { host: server.host, port: server.port, error });
    refuse(client, new SpeechError('upstream_failed', 'The Wyoming server behind this bridge cannot be reached.'));
    return;
  }
  upstream.on('error', () => {});
  for (const socket of [client, upstream]) socket.setTimeout(idleMs, () => socket.destroy());
  upstream.write(encodeEvent(AUTHENTICATE, { token: key }));
  // Either side may leave at any time; then the other one is cut off, too.
  await Promise.all([pipeline(client, upstream), pipeline(upstream, client)]).catch(() => {});
  client.destroy();
  upstream.destroy();
}

function refuse(client: Socket, { message: text, code }: SpeechError): void {
  client.end(encodeEvent('error', { text, code }));
  client.destroySoon();
}
