/** Random lives of sessions, with recognisers that fail, dawdle and die. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../test/support/until.ts';
import type { Hearing, ListenRequest, RecognisedSegment, TranscribeRequest } from '../engines/contract.ts';
import { SpeechError } from '../errors.ts';
import type { ListeningEvent } from './contract.ts';
import { BY_VOICE, buzz, EAR, hear, LISTENER, liveService, MANUAL, silence } from './testing.ts';

function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Recognisers whose text is the length of what they heard, if they get that far. */
function frail(random: (below: number) => number) {
  const trouble = async (): Promise<void> => {
    if (random(3) === 0) await sleep(random(4));
    if (random(12) === 0) throw new SpeechError(random(2) ? 'engine_failed' : 'overloaded', 'Not now.');
  };
  return {
    async *transcribe({ pcm }: TranscribeRequest): AsyncGenerator<RecognisedSegment> {
      await trouble();
      yield { text: `heard ${Math.round(pcm.length / 16)}`, startMs: 0, endMs: pcm.length / 16 };
    },
    async *listen(_: ListenRequest, audio: AsyncIterable<Float32Array>): AsyncGenerator<Hearing> {
      let samples = 0;
      const hearing = (final: boolean) => ({
        text: `heard ${Math.round(samples / 16)}`,
        final,
        startMs: 0,
        endMs: samples / 16,
      });
      for await (const pcm of audio) {
        samples += pcm.length;
        await trouble();
        yield hearing(false);
      }
      yield hearing(true);
    },
  };
}

/** What must hold of the events of one session. */
class Promises {
  #started = 0;
  #stopped = 0;
  #told = 0;
  #lastMs = 0;
  #lastEnd = 0;
  readonly ended = new Set<number>();

  see(event: ListeningEvent): void {
    if (event.type === 'idle') return;
    const { utterance } = event;
    if (event.type === 'speech-started' || event.type === 'speech-stopped') {
      assert.ok(event.atMs >= this.#lastMs, 'times go back');
      this.#lastMs = event.atMs;
      if (event.type === 'speech-started') this.#started = utterance;
      else {
        assert.ok(utterance === this.#started && utterance > this.#stopped);
        this.#stopped = utterance;
      }
      return;
    }
    assert.ok(!this.ended.has(utterance), 'told after its end');
    assert.ok(utterance >= this.#told, 'out of order');
    this.#told = utterance;
    if (event.type === 'partial') return;
    this.ended.add(utterance);
    if (event.type === 'failed') return;
    assert.ok(event.endMs - event.startMs <= event.audioMs + 1);
    assert.ok(event.startMs >= this.#lastEnd - 1, 'audio of two utterances');
    assert.equal(event.text, `heard ${Math.round(event.audioMs)}`, 'all of its audio is heard');
    this.#lastEnd = event.endMs;
  }
}

for (const [name, capabilities] of [
  ['listening', LISTENER],
  ['re-decoding', EAR],
] as const) {
  test(`${name}: whatever happens, utterances are told in order and end once, and no work is left`, async () => {
    for (let life = 1; life <= 60; life++) {
      const random = randomFrom(life * 77);
      const service = liveService(frail(random) as never, capabilities, {
        STT_VAD_ENABLED: 'false',
        STT_NORMALIZE: 'false',
        OS_LIVE_UTTERANCE_S: '5',
      });
      const { session, events } = await hear(service, { ...(random(3) ? BY_VOICE : MANUAL), partials: true });
      const promises = new Promises();
      const committed: number[] = [];
      let seen = 0;
      const look = () => {
        for (; seen < events.length; seen++) promises.see(events[seen]!);
      };
      for (let i = 0; i < 40; i++) {
        const what = random(20);
        if (what < 8) session.push({ pcm: buzz(1 + random(400)), sampleRate: 16_000 });
        else if (what < 14) session.push({ pcm: silence(1 + random(500)), sampleRate: 16_000 });
        else if (what < 15) session.push({ pcm: buzz(3000), sampleRate: 16_000 });
        else if (what < 17) await sleep(random(4));
        else if (what === 17) committed.push(session.commit() ?? 0);
        else if (what === 18) session.clear();
        else session.change({ turns: random(2) ? BY_VOICE.turns : MANUAL.turns });
        look();
      }
      await session.finish();
      look();
      await until(() => service.worker.begun === service.worker.ended);
      const startedAndKept = events
        .filter((event) => event.type === 'speech-stopped')
        .map(({ utterance }) => utterance);
      for (const utterance of [...startedAndKept, ...committed.filter((number) => number > 0)]) {
        assert.ok(promises.ended.has(utterance), `utterance ${utterance} never ended in life ${life}`);
      }
    }
  });
}
