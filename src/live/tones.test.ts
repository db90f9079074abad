/** Live speech through the real thing: engine processes with models that speak and read tones. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { buildToneRecogniser } from '../../test/models/tone-recogniser.ts';
import { buildStreamingToneRecogniser } from '../../test/models/tone-streaming.ts';
import { buildToneVoice } from '../../test/models/tone-voice.ts';
import { keptLog } from '../../test/support/fake-engine.ts';
import { until } from '../../test/support/until.ts';
import { join as joined } from '../audio/testing.ts';
import { loadSettings } from '../config/load.ts';
import type { ModelManifest } from '../models/manifest.ts';
import { openSpeechService, type SpeechService } from '../speech/service.ts';
import { openMetrics } from '../telemetry/metrics.ts';
import type { ListeningEvent, ListeningOptions } from './contract.ts';
import { openListening } from './listening.ts';
import { openSpeaking } from './speaking.ts';

let folder: string;
let service: SpeechService;
const log = keptLog();

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'live-tones-'));
  const add = async (id: string, build: (folder: string) => Promise<ModelManifest>) => {
    const place = join(folder, 'models', id);
    await mkdir(place, { recursive: true });
    writeFileSync(join(place, 'manifest.json'), JSON.stringify(await build(place)));
  };
  await add('tone-voice', buildToneVoice);
  await add('tone-recogniser', buildToneRecogniser);
  await add('tone-streaming', buildStreamingToneRecogniser);
  const { settings } = loadSettings({ env: { OS_DATA_DIR: folder, OS_ENGINE_PROCESSES: '2' } });
  service = await openSpeechService({ settings, log, metrics: openMetrics(), recordings: [] } as never);
});
after(async () => {
  await service.close(0);
  rmSync(folder, { recursive: true, force: true });
});

function caller() {
  return { requestId: 'r', keyId: 'k', signal: new AbortController().signal };
}

/** What the voice makes of a text that comes in pieces, at 16 000 Hz. */
async function say(text: string, pieces = 3): Promise<Float32Array> {
  const speaking = openSpeaking(service, { model: 'tone-voice', speed: 1, sampleRate: 16_000 }, caller());
  for (let at = 0; at < text.length; at += pieces) speaking.append(text.slice(at, at + pieces));
  speaking.end();
  const parts: Float32Array[] = [];
  for await (const event of speaking) if (event.type === 'audio') parts.push(event.pcm);
  return joined(parts);
}

function options(model: string, changes: Partial<ListeningOptions> = {}): ListeningOptions {
  const turns = { kind: 'voice', threshold: 0.5, prefixMs: 300, silenceMs: 400 } as const;
  return { model, words: true, partials: true, turns, ...changes };
}

async function listenTo(pcm: Float32Array, frame: number, chosen: ListeningOptions): Promise<ListeningEvent[]> {
  const events: ListeningEvent[] = [];
  const session = await openListening(service, chosen, caller(), (event) => events.push(event));
  for (let at = 0; at < pcm.length; at += frame)
    session.push({ pcm: pcm.subarray(at, at + frame), sampleRate: 16_000 });
  await session.finish();
  return events;
}

const texts = (events: readonly ListeningEvent[]) =>
  events.flatMap((event) => (event.type === 'final' ? [event.text.trim()] : []));
const pause = new Float32Array(16_000);

for (const model of ['tone-recogniser', 'tone-streaming']) {
  test(`${model}: what is said with pauses is heard once and in order, in frames of every size`, async () => {
    const said = ['hello world', 'how are you', 'fine'];
    const parts = await Promise.all(said.map((text) => say(text)));
    const pcm = joined([pause, ...parts.flatMap((part) => [part, pause])]);
    const runs: ListeningEvent[][] = [];
    for (const frame of [16, 160, 333, 1600, 16_000]) {
      const events = await listenTo(pcm, frame, options(model));
      assert.deepEqual(texts(events), said, `frames of ${frame}`);
      runs.push(events.filter(({ type }) => type !== 'partial'));
      let last = 0;
      for (const event of events) {
        if (event.type !== 'final') continue;
        assert.ok(event.startMs >= last && event.endMs > event.startMs && event.endMs <= pcm.length / 16);
        last = event.endMs;
        for (const word of event.words ?? [])
          assert.ok(word.startMs >= event.startMs - 50 && word.endMs <= pcm.length / 16);
      }
    }
    const finals = (run: ListeningEvent[]) => run.filter(({ type }) => type === 'final');
    for (const run of runs) assert.deepEqual(finals(run), finals(runs[0]!));
  });

  test(`${model}: text is shown while it is spoken and never goes back`, async () => {
    const pcm = joined([await say('the quick brown fox jumps over'), pause]);
    const events: ListeningEvent[] = [];
    const session = await openListening(service, options(model), caller(), (event) => events.push(event));
    for (let at = 0; at < pcm.length; at += 1600) {
      session.push({ pcm: pcm.subarray(at, at + 1600), sampleRate: 16_000 });
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await session.finish();
    assert.deepEqual(texts(events), ['the quick brown fox jumps over']);
    let confirmed = '';
    const partials = events.filter((event) => event.type === 'partial');
    assert.ok(partials.length > 2, `${partials.length} partial texts`);
    for (const { text, confirmed: length } of partials) {
      assert.ok(text.startsWith(confirmed));
      confirmed = text.slice(0, length);
    }
    assert.ok('the quick brown fox jumps over'.startsWith(confirmed));
  });

  test(`${model}: an engine process that is killed in the middle of an utterance costs nothing`, async () => {
    const pcm = joined([await say('hello world'), pause]);
    const events: ListeningEvent[] = [];
    const manual = options(model, { turns: { kind: 'manual' } });
    const session = await openListening(service, manual, caller(), (event) => events.push(event));
    session.push({ pcm: pcm.subarray(0, 9600), sampleRate: 16_000 });
    const busy = () => service.worker.status(model)!.processes > 0;
    await until(busy);
    for (const pid of log.pids()) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended already.
      }
    }
    session.push({ pcm: pcm.subarray(9600), sampleRate: 16_000 });
    await session.finish();
    assert.deepEqual(texts(events), ['hello world']);
  });
}

test('the speech of a long text that arrives letter by letter is heard to the letter', async () => {
  const events = await listenTo(joined([await say('One two. Three four? Five!', 1), pause]), 320, {
    ...options('tone-recogniser'),
    turns: { kind: 'manual' },
  });
  // Each sentence is spoken by itself, without the spaces between them.
  assert.equal(texts(events).join('').replaceAll(' ', ''), 'onetwo.threefour?five!');
});
