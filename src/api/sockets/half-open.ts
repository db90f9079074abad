import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Bounds the connections that have sent no whole request yet: where one more would pass the bound, the oldest is cut.
 * So thousands of them, which cost their owner next to nothing, take no place from those who ask for something. The
 * bound has to leave room for a crowd that comes all at once: its connections are open before their requests are read.
 */
export function limitHalfOpen(server: Server, max: number): void {
  const waiting = new Map<string, Socket>();
  server.on('connection', (socket) => {
    const name = nameOf(socket);
    waiting.set(name, socket);
    socket.once('close', () => waiting.delete(name));
    if (waiting.size <= max) return;
    const [[oldestName, oldest]] = waiting as unknown as [[string, Socket]];
    waiting.delete(oldestName);
    oldest.destroy();
  });
  const onRequest = ({ socket }: { socket: Socket }): void => {
    waiting.delete(nameOf(socket));
  };
  server.prependListener('request', onRequest);
  server.prependListener('upgrade', onRequest);
}

/** The same for a connection and for the TLS inside it. */
function nameOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
