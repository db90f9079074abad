/** The baseline of idle sockets: the same WebSocket library, with nothing of ours around it. Tells its port. */
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
server.on('connection', (socket) => socket.send('{}'));
server.on('listening', () => process.send!((server.address() as AddressInfo).port));
