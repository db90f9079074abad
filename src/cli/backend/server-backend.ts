import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { wavHeader } from '../../audio/wav.ts';
import type { Backend, Recording, SpeakOrder, Spoken, TranscribeOrder } from './backend.ts';
import { call, type ServerAddress, textOf } from './http.ts';
import { type ServerEvent, serverEvents } from './server-events.ts';
import { textOfSegments } from './turns.ts';

/** Speaks and hears through a running server, by the same routes as everybody else. */
export class ServerBackend implements Backend {
  readonly where: string;
  #server: ServerAddress;
  #idleMs: number;

  constructor(server: ServerAddress, idleMs: number) {
    this.where = server.url;
    this.#server = server;
    this.#idleMs = idleMs;
  }

  async speak({ input, inputFormat, format, model, voice, language, speed, signal }: SpeakOrder): Promise<Spoken> {
    const body = { input, input_type: inputFormat, response_format: format, model, voice, language, speed };
    const response = await call(this.#server, {
      method: 'POST',
      path: '/v1/audio/speech',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      idleMs: this.#idleMs,
      signal,
    });
    const sampleRate = Number(response.headers['x-sample-rate']);
    let received = 0;
    return {
      model: String(response.headers['x-model']),
      voice: String(response.headers['x-voice-id']),
      sampleRate,
      bytes: counted(response, (bytes) => {
        received += bytes;
      }),
      audioMs: () => audioMs(format, received, sampleRate),
    };
  }

  async *transcribe({ recording, format, signal, ...order }: TranscribeOrder): AsyncGenerator<string> {
    // Text streams as it is recognised; the other formats have a beginning and an end that belong together.
    const stream = format === 'text';
    const { model, language, diarize, speakers } = order;
    const fields = {
      ...{ response_format: stream ? 'json' : format, stream: String(stream), model, language },
      ...{ denoise: written(order.denoise), punctuate: written(order.punctuate) },
      ...{ diarize: written(diarize), num_speakers: written(speakers) },
    };
    const response = await call(this.#server, {
      method: 'POST',
      path: '/v1/audio/transcriptions',
      ...(await form(fields, recording)),
      idleMs: this.#idleMs,
      signal,
    });
    if (!stream) {
      yield (await textOf(response)).trimEnd();
      return;
    }
    const events = this.#untilDone(response);
    if (diarize) yield* textOfSegments(segmentsOf(events));
    else for await (const { type, delta = '' } of events) if (type === 'transcript.text.delta') yield delta;
  }

  async close(): Promise<void> {}

  async *#untilDone(response: IncomingMessage): AsyncGenerator<ServerEvent> {
    for await (const event of serverEvents(response)) {
      if (event.error !== undefined) throw new Error(`${this.where}: ${event.error.message}`);
      if (event.type === 'transcript.text.done') return;
      yield event;
    }
    throw new Error(`${this.where} ended before the transcript did`);
  }
}

/** Where speakers are told apart, each delta is followed by who said it. */
async function* segmentsOf(events: AsyncIterable<ServerEvent>): AsyncGenerator<{ text: string; speaker?: string }> {
  for await (const { type, text = '', speaker } of events) {
    if (type === 'transcript.text.segment') yield speaker === undefined ? { text } : { text, speaker };
  }
}

/** A form's field, or none where the user does not say. */
const written = (value: boolean | number | undefined): string | undefined =>
  value === undefined ? undefined : String(value);

async function* counted(response: IncomingMessage, count: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of response as AsyncIterable<Buffer>) {
    count(chunk.length);
    yield chunk;
  }
  // Node ends the iteration of an answer that was cut short with an error; `complete` is the second look.
  if (!response.complete) throw new Error('the server ended before the audio did');
}

/** Formats without compression tell how long they are. */
function audioMs(format: string, bytes: number, sampleRate: number): number | undefined {
  if (format !== 'wav' && format !== 'pcm') return undefined;
  const header = format === 'wav' ? wavHeader(sampleRate).length : 0;
  return Math.max(0, ((bytes - header) / 2 / sampleRate) * 1000);
}

/** A multipart form (RFC 7578) whose file is read while it is sent. */
async function form(fields: Readonly<Record<string, string | undefined>>, { name, path, stream }: Recording) {
  const boundary = `open-speech-${randomUUID()}`;
  const part = (disposition: string): string =>
    `--${boundary}\r\ncontent-disposition: form-data; ${disposition}\r\n\r\n`;
  const written = Object.entries(fields).filter(([, value]) => value !== undefined);
  const head = Buffer.from(
    written.map(([field, value]) => `${part(`name="${field}"`)}${value}\r\n`).join('') +
      part(`name="file"; filename="${quoted(name)}"`),
  );
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  const length = path === undefined ? undefined : head.length + (await stat(path)).size + tail.length;
  const body = async function* (): AsyncGenerator<Uint8Array> {
    yield head;
    yield* stream ?? createReadStream(path!);
    yield tail;
  };
  return {
    headers: {
      'content-type': `multipart/form-data; boundary=${boundary}`,
      ...(length === undefined ? {} : { 'content-length': String(length) }),
    },
    body: body(),
  };
}

/** As browsers write file names (HTML standard, "multipart form data"). */
function quoted(name: string): string {
  return name.replace(/\r\n?|\n/g, '%0A').replaceAll('"', '%22');
}
