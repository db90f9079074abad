import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { abortError } from '../../errors.ts';
import type { ServerAddress } from './address.ts';

export interface ConnectOptions extends ServerAddress {
  /** PEM of the authority that vouches for the server, where the usual ones do not. */
  ca?: Buffer | undefined;
}

const CONNECT_MS = 10_000;

/** A connection to a Wyoming server that can be written to. Throws the signal's reason, or what the system or TLS says. */
export async function connectTo({ host, port, tls, ca }: ConnectOptions, signal: AbortSignal): Promise<Socket> {
  if (signal.aborted) throw abortError(signal);
  const socket = tls
    ? connectTls({ host, port, ...(ca === undefined ? {} : { ca }), minVersion: 'TLSv1.2' })
    : connect({ host, port });
  const connected = Promise.withResolvers<void>();
  const end = (): void => connected.reject(abortError(signal));
  const timer = setTimeout(() => connected.reject(new Error('it did not answer')), CONNECT_MS);
  signal.addEventListener('abort', end, { once: true });
  socket.once(tls ? 'secureConnect' : 'connect', connected.resolve);
  socket.once('error', connected.reject);
  try {
    await connected.promise;
    socket.setNoDelay(true);
    return socket;
  } catch (error) {
    socket.on('error', () => {});
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
  }
}
