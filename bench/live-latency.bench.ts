/**
 * How long somebody waits who has finished speaking: until the text is there, and until an answer is heard. By stages:
 * what was configured, what the engines take alone, what the network takes, and what is left, which is ours.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fromS16le, toS16le } from '../src/audio/pcm.ts';
import { resample } from '../src/audio/resample.ts';
import { wavHeader } from '../src/audio/wav.ts';
import { Catalog } from '../src/models/catalog.ts';
import { BareEngine } from './support/bare.ts';
import { instantChat } from './support/chat.ts';
import { LiveClient, sendBinary } from './support/live.ts';
import { Microphone } from './support/microphone.ts';
import { median, ms, quantile, report } from './support/report.ts';
import { startBenchServer } from './support/server.ts';

const TIMES = 50;
const WARM_UP = 10;
const QUESTION = 'good morning';
const ANSWER = 'good day to you.';
const ENDPOINTING_MS = 300;
const RATE = 16_000;
const REALTIME_RATE = 24_000;
/** The filter from 24 000 to 16 000 Hz needs what comes next, which is in the next piece of a microphone. */
const LOOK_AHEAD_MS = 2;
const AIM_MS = 10;

/** When what happened, in ms of this process's clock. */
interface Asked {
  /** The last voice was sent. */
  spokenAt: number;
  /** The audio was sent with which the server knew that the utterance was over. */
  endedAt: number;
  /** The text was here. */
  textAt: number;
  /** The language model was asked. */
  thoughtAt?: number;
  /** The first audio of the answer was here. */
  audioAt?: number;
}

const chat = await instantChat(ANSWER);
const server = await startBenchServer({
  env: {
    ...{ STT_MODEL: 'tone-ear', TTS_MODEL: 'tone-voice', OS_MODEL_TTL: '0' },
    ...{ OS_LLM_URL: chat.url, OS_LLM_MODEL: 'instant', TTS_CACHE_ENABLED: 'false' },
  },
});
const catalog = await Catalog.read(join(server.dataDir, 'models'));
const spoken = fromS16le(
  await server.client.bytes('/v1/audio/speech', {
    ...{ model: 'tone-voice', voice: 'tone-0', input: QUESTION, response_format: 'pcm' },
  }),
);
const engines = await enginesAlone();

const heard = await asked(streamQuestions);
tell('text on /v1/audio/stream', heard, ({ textAt }) => textAt, engines.recognition);
const answered = await asked(realtimeQuestions);
tell('first audio on /v1/realtime', answered, ({ audioAt }) => audioAt!, [
  ...engines.recognition.map((each, i) => each + engines.firstChunk[i]!),
]);
const stage = (name: string, of: (each: Asked) => number): string => `${name} ${ms(median(answered.map(of)))}`;
process.stderr.write(
  `realtime, medians: ${[
    stage('endpointing', ({ spokenAt, endedAt }) => endedAt - spokenAt),
    stage('recognition and what is around it', ({ endedAt, thoughtAt }) => thoughtAt! - endedAt),
    stage('language model, voice and what is around them', ({ thoughtAt, audioAt }) => audioAt! - thoughtAt!),
  ].join(
    ', ',
  )}; the engines alone: recognition ${ms(median(engines.recognition))}, first chunk ${ms(median(engines.firstChunk))}\n`,
);
chat.close();
await server.stop();

function tell(what: string, all: Asked[], doneAt: (each: Asked) => number, alone: number[]): void {
  const waits = all.map((each) => doneAt(each) - each.endedAt);
  const ours = quantile(waits, 0.95) - quantile(alone, 0.95);
  const endpointing = median(all.map(({ spokenAt, endedAt }) => endedAt - spokenAt));
  report({
    what: `end of speech to ${what}, behind ${ms(endpointing)} of endpointing; p95 of ${all.length}`,
    ours: `${ms(quantile(waits, 0.95))} (median ${ms(median(waits))})`,
    baseline: `${ms(quantile(alone, 0.95))} the engines alone (median ${ms(median(alone))})`,
    ratio: `${ours < 0 ? '' : '+'}${ours.toFixed(2)} ms`,
    aim: `≤ +${AIM_MS} ms`,
    met: ours <= AIM_MS,
  });
}

async function asked(ask: () => Promise<Asked[]>): Promise<Asked[]> {
  return (await ask()).slice(WARM_UP);
}

async function streamQuestions(): Promise<Asked[]> {
  const path = `/v1/audio/stream?sample_rate=${RATE}&endpointing=${ENDPOINTING_MS}`;
  const client = await LiveClient.open(server, path);
  const voice = new Microphone(resample(spoken, REALTIME_RATE, RATE), RATE, (piece) => sendBinary(client, piece));
  const all: Asked[] = [];
  while (all.length < TIMES + WARM_UP) {
    voice.ask();
    const final = await client.next(({ speech_final }) => speech_final === true);
    const { at } = await client.next(({ state }) => state === 'speech_end');
    all.push({ spokenAt: voice.askedAt, endedAt: voice.sentAt(at * 1000), textAt: final.cameAt });
  }
  voice.stop();
  client.close();
  return all;
}

async function realtimeQuestions(): Promise<Asked[]> {
  const client = await LiveClient.open(server, '/v1/realtime?model=gpt-realtime');
  const turn_detection = { type: 'server_vad', silence_duration_ms: ENDPOINTING_MS, interrupt_response: false };
  client.send({
    type: 'session.update',
    session: { type: 'realtime', audio: { input: { turn_detection }, output: { voice: 'tone-0' } } },
  });
  await client.next(({ type }) => type === 'session.updated');
  const voice = new Microphone(spoken, REALTIME_RATE, (piece) =>
    client.send({ type: 'input_audio_buffer.append', audio: Buffer.from(piece).toString('base64') }),
  );
  const all: Asked[] = [];
  while (all.length < TIMES + WARM_UP) {
    voice.ask();
    const stopped = await client.next(({ type }) => type === 'input_audio_buffer.speech_stopped');
    const audio = await client.next(({ type }) => type === 'response.output_audio.delta');
    all.push({
      spokenAt: voice.askedAt,
      endedAt: voice.sentAt(stopped.audio_end_ms + LOOK_AHEAD_MS),
      textAt: chat.askedAt(),
      thoughtAt: chat.askedAt(),
      audioAt: audio.cameAt,
    });
    await client.next(({ type }) => type === 'response.done');
  }
  voice.stop();
  client.close();
  return all;
}

/** What the engines take for the same in processes of their own, in ms. */
async function enginesAlone(): Promise<{ recognition: number[]; firstChunk: number[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'open-speech-bench-'));
  const path = join(folder, 'question.wav');
  const pcm = resample(spoken, REALTIME_RATE, RATE);
  // With what the server keeps before a voice, and the silence that ended it.
  const whole = new Float32Array(pcm.length + (RATE * 2 * ENDPOINTING_MS) / 1000);
  whole.set(pcm, (RATE * ENDPOINTING_MS) / 1000);
  writeFileSync(path, Buffer.concat([wavHeader(RATE, whole.length), toS16le(whole)]));
  const ear = await BareEngine.start(await catalog.open('tone-ear'));
  const voice = await BareEngine.start(await catalog.open('tone-voice'));
  const recognition: number[] = [];
  const firstChunk: number[] = [];
  for (let i = 0; i < TIMES + WARM_UP; i++) {
    // A server that hears has just worked on what was said before, and a processor that has just worked is faster.
    const hearing = (await ear.run({ hear: { path }, times: 3 })).runs.at(-1);
    const [speaking] = (await voice.run({ speak: { text: ANSWER, voice: 'tone-0' }, times: 1 })).runs;
    await sleep(200);
    if (i < WARM_UP) continue;
    recognition.push(hearing!.engineMs);
    firstChunk.push(speaking!.firstMs);
  }
  ear.stop();
  voice.stop();
  rmSync(folder, { recursive: true });
  return { recognition, firstChunk };
}
