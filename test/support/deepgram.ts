import { DeepgramClient } from '@deepgram/sdk';
import { WebSocket } from 'ws';
import type { TestServer } from './server.ts';

export type Message = { type: string } & Record<string, unknown>;

export interface Results extends Message {
  is_final: boolean;
  speech_final: boolean;
  from_finalize?: boolean;
  start: number;
  duration: number;
  channel_index: number[];
  channel: {
    alternatives: {
      transcript: string;
      confidence: number;
      words: { word: string; punctuated_word: string; start: number; end: number }[];
    }[];
  };
}

/** Deepgram's own client, told to talk to this server. */
export function clientOf(server: TestServer): DeepgramClient {
  const websocket = server.url.replace('http', 'ws');
  const environment = { base: server.url, production: websocket, agent: websocket, agentRest: server.url } as never;
  return new DeepgramClient({ apiKey: server.key, environment });
}

/** A stream that keeps what it was told, and how it ended. */
export async function listenTo(server: TestServer, query: string) {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/v1/listen?${query}`, ['token', server.key]);
  const messages: Message[] = [];
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on('close', (code, reason) => resolve({ code, reason: String(reason) }));
  });
  socket.on('message', (data) => messages.push(JSON.parse(String(data)) as Message));
  await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject));
  const results = () => messages.filter(({ type }) => type === 'Results') as Results[];
  return { socket, messages, results, closed, say: (type: string) => socket.send(JSON.stringify({ type })) };
}

export function finalTexts(results: readonly Results[]): string[] {
  return results.filter(({ is_final }) => is_final).map(({ channel }) => channel.alternatives[0]!.transcript);
}

export function sendIn(socket: WebSocket, audio: Uint8Array, pieceBytes: number): void {
  for (let at = 0; at < audio.length; at += pieceBytes) socket.send(audio.subarray(at, at + pieceBytes));
}
