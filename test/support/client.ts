/** What tests ask of a server over and over, and how they read its answers. */
import assert from 'node:assert/strict';
import type { TestServer } from './server.ts';

/** Sends a body to the speech route as it is. */
export function postSpeech(to: TestServer, body: string | Uint8Array, init: RequestInit = {}): Promise<Response> {
  const headers = { 'content-type': 'application/json', ...init.headers };
  return to.fetch('/v1/audio/speech', { method: 'POST', body, ...init, headers });
}

export function say(to: TestServer, body: object, init?: RequestInit): Promise<Response> {
  return postSpeech(to, JSON.stringify(body), init);
}

export type Fields = Record<string, string | string[]>;

/** Sends a recording and fields, where there are any, in a form as browsers write it. */
export function transcribe(
  to: TestServer,
  audio: Uint8Array | undefined,
  fields: Fields = {},
  { name = 'speech.wav', type = 'application/octet-stream', route = 'transcriptions' } = {},
): Promise<Response> {
  const form = new FormData();
  for (const [field, values] of Object.entries(fields)) for (const value of [values].flat()) form.append(field, value);
  if (audio !== undefined) form.append('file', new Blob([new Uint8Array(audio)], { type }), name);
  return to.fetch(`/v1/audio/${route}`, { method: 'POST', body: form });
}

/** The bytes of an answer that must be a success. */
export async function bytesOf(answer: Response): Promise<Buffer> {
  const bytes = Buffer.from(await answer.arrayBuffer());
  assert.equal(answer.status, 200, bytes.toString('latin1', 0, 300));
  return bytes;
}

/** The JSON of an answer that must be a success. */
export async function jsonOf<T>(answer: Response): Promise<T> {
  const body = await answer.text();
  assert.equal(answer.status, 200, body);
  assert.match(answer.headers.get('content-type')!, /^application\/json/);
  return JSON.parse(body) as T;
}

/** The text of a transcript that must be a success. */
export async function textOf(answer: Response): Promise<string> {
  return (await jsonOf<{ text: string }>(answer)).text;
}

/** What the server's recogniser understands. */
export async function heard(by: TestServer, audio: Uint8Array): Promise<string> {
  return textOf(await transcribe(by, audio));
}

/** The events of an answer that must be a stream of them. */
export async function eventsOf<T>(answer: Response): Promise<T[]> {
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  assert.match(answer.headers.get('content-type')!, /^text\/event-stream/);
  return eventsIn(text);
}

export function eventsIn<T>(text: string): T[] {
  assert.ok(text.endsWith('\n\n'));
  const events = text.slice(0, -2).split('\n\n');
  return events.map((event) => JSON.parse(/^data: (.*)$/.exec(event)![1]!) as T);
}

/** What the router says about a model. */
export function modelAt(server: TestServer, id = 'tone-voice') {
  return server.server.service.router.status().models.find((model) => model.id === id)!;
}
