/** The live protocols as tests speak them: a socket that keeps what it was told, and one whole exchange of each. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { assertUnharmed } from './answers.ts';
import type { TestServer } from './server.ts';
import { until } from './until.ts';

export const TONES = { TTS_MODEL: 'tone-voice', STT_MODEL: 'tone-ear', OS_MODEL_TTL: '0' };

// biome-ignore lint/suspicious/noExplicitAny: what a server sends has whatever shape the test finds
export type Told = { type: string } & Record<string, any>;

export class LiveSocket {
  readonly socket: WebSocket;
  /** What came; audio as `{ type: 'binary', bytes }`. */
  readonly told: Told[] = [];
  /** The code it was closed with. */
  code: number | undefined;
  onTold: () => void = () => {};

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data: Buffer, isBinary) => {
      this.told.push(isBinary ? { type: 'binary', bytes: data.length } : (JSON.parse(String(data)) as Told));
      this.onTold();
    });
    socket.on('close', (code) => {
      this.code = code;
    });
    socket.on('error', () => {});
  }

  static async open(server: TestServer, path: string, key = server.key): Promise<LiveSocket> {
    const socket = new WebSocket(server.url.replace('http', 'ws') + path, {
      headers: { authorization: `Bearer ${key}` },
    });
    const live = new LiveSocket(socket);
    await once(socket, 'open');
    return live;
  }

  send(message: string | Uint8Array | object): void {
    if (typeof message === 'string' || message instanceof Uint8Array) this.socket.send(message);
    else this.socket.send(JSON.stringify(message));
  }

  /** Resolves when something of this type has come, this many times. Rejects when the socket is closed before. */
  async until(type: string, times = 1): Promise<Told> {
    const found = () => this.told.filter((each) => each.type === type)[times - 1];
    await until(() => found() !== undefined || this.code !== undefined);
    assert.ok(found(), `${type} did not come before ${this.code}: ${this.types().slice(-12)}`);
    return found()!;
  }

  async closed(): Promise<number> {
    await until(() => this.code !== undefined);
    return this.code!;
  }

  types(): string[] {
    return this.told.map(({ type }) => type);
  }
}

export interface Exchange {
  path: string;
  /** Everything that the client says, in order. */
  says: (string | Uint8Array)[];
  /** What the client waits for before it says goodbye, where the server does not. */
  last?: string;
}

/** One whole exchange in each protocol; `spoken` is PCM of 24 000 Hz. */
export function exchanges(spoken: Uint8Array): Record<string, Exchange> {
  const parts = [spoken.subarray(0, 20_001), spoken.subarray(20_001, 60_000), spoken.subarray(60_000)];
  const json = (...messages: object[]) => messages.map((message) => JSON.stringify(message));
  return {
    stream: {
      path: '/v1/audio/stream?sample_rate=24000',
      says: [...json({ type: 'config', language: 'en' }), ...parts, ...json({ type: 'finalize' }, { type: 'stop' })],
    },
    listen: {
      path: '/v1/listen?encoding=linear16&sample_rate=24000&interim_results=true&vad_events=true&utterance_end_ms=1000',
      says: [...json({ type: 'KeepAlive' }), ...parts, ...json({ type: 'Finalize' }, { type: 'CloseStream' })],
    },
    speak: {
      path: '/v1/speak',
      says: json(
        ...[{ type: 'Speak', text: 'good day to you. how ' }, { type: 'Speak', text: 'are you' }, { type: 'Flush' }],
        ...[{ type: 'Clear' }, { type: 'Speak', text: 'and so on' }, { type: 'Flush' }, { type: 'Close' }],
      ),
    },
    realtime: {
      path: '/v1/realtime?model=gpt-realtime',
      says: [
        ...json({
          type: 'session.update',
          session: { type: 'realtime', audio: { input: { transcription: {} }, output: { voice: 'tone-0' } } },
        }),
        ...json(
          ...parts.map((part) => ({ type: 'input_audio_buffer.append', audio: Buffer.from(part).toString('base64') })),
        ),
        ...json({
          type: 'conversation.item.create',
          item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hi' }] },
        }),
      ],
      last: 'response.done',
    },
  };
}

/** The value of one series of the server's metrics; 0 where it was never counted. */
export async function metric(server: TestServer, series: string): Promise<number> {
  const { body } = await server.server.service.metrics.render();
  const line = body.split('\n').find((each) => each.startsWith(`open_speech_${series} `));
  return line === undefined ? 0 : Number(line.split(' ').at(-1));
}

/** Sums the values of a metric over its labels. */
export async function metricSum(server: TestServer, name: string): Promise<number> {
  const { body } = await server.server.service.metrics.render();
  const lines = body.split('\n').filter((line) => line.startsWith(`open_speech_${name}{`));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

/** What keeps this process running, sorted. */
const resources = (): string => process.getActiveResourcesInfo().sort().join(' ');

/** Notes what there is now; what it returns resolves once nothing more is left than that. */
export async function noteLeftovers(server: TestServer): Promise<() => Promise<void>> {
  const names = ['open_sockets', 'live_sessions'];
  const sums = () => Promise.all(names.map((name) => metricSum(server, name)));
  const before = { sums: String(await sums()), resources: resources() };
  return async () => {
    await assertUnharmed(server);
    await until(async () => String(await sums()) === before.sums);
    // Connections of the client and those that fetch keeps for a while are in this process too.
    const more = () =>
      added(resources(), before.resources).filter((name) => name === 'Timeout' || name === 'Immediate');
    await until(() => more().length === 0);
  };
}

/** Words of `after` that `before` has fewer of. */
function added(after: string, before: string): string[] {
  const left = before.split(' ');
  return after.split(' ').filter((name) => {
    const at = left.indexOf(name);
    if (at !== -1) left.splice(at, 1);
    return at === -1;
  });
}
