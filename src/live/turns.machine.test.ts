import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Turns } from './contract.ts';
import {
  newTurns,
  nextTick,
  step,
  type TurnEffect,
  type TurnEvent,
  type TurnRules,
  type TurnState,
} from './turns.machine.ts';

const VOICE: Turns & { kind: 'voice' } = {
  ...{ kind: 'voice', threshold: 0.5, prefixMs: 100, silenceMs: 200 },
  idle: { afterMs: 400, fromMs: 0 },
};
const FRAME_MS = 20;

function turns(changes: Partial<Turns & { kind: 'voice' }> | 'manual' = {}, longestMs = 10_000) {
  let state = newTurns({ turns: changes === 'manual' ? { kind: 'manual' } : { ...VOICE, ...changes }, longestMs });
  let now = 0;
  const send = (event: TurnEvent): TurnEffect[] => {
    const next = step(state, event, now);
    state = next.state;
    return next.effects;
  };
  return {
    send,
    get state() {
      return state;
    },
    /** Frames as they come in real time: `x` with a voice, `.` without. */
    frames(pattern: string): string[] {
      return [...pattern].flatMap((frame) => {
        now += FRAME_MS;
        return send({ type: 'frame', ms: FRAME_MS, voice: frame === 'x' }).map(short);
      });
    },
    wait(ms: number): string[] {
      now += ms;
      return send({ type: 'tick' }).map(short);
    },
  };
}

function short(effect: TurnEffect): string {
  switch (effect.type) {
    case 'open':
      return `open ${effect.utterance} from ${effect.fromMs}`;
    case 'close':
      return `close ${effect.utterance} at ${effect.toMs}${effect.continues ? ', goes on' : ''}`;
    case 'forget':
      return `forget ${effect.utterance}`;
    case 'idle':
      return `idle ${effect.fromMs} to ${effect.toMs}`;
    case 'ask':
      return `ask ${effect.utterance} at ${effect.toMs}`;
  }
}

const SPEECH = 'x'.repeat(10);
const SILENCE = '.'.repeat(10);

test('60 ms of voice within 100 ms open an utterance, which begins with what preceded the first of it', () => {
  assert.deepEqual(turns().frames(`${SILENCE}xx`), []);
  assert.deepEqual(turns().frames(`${SILENCE}xxx`), ['open 1 from 100']);
  assert.deepEqual(turns().frames(`${SILENCE}x.x.x`), ['open 1 from 100']);
  assert.deepEqual(turns().frames(`x${SPEECH}`), ['open 1 from 0']);
});

test('clicks open nothing and do not keep an utterance open', () => {
  assert.deepEqual(turns({ idle: undefined }).frames('xx...x....'.repeat(50)), []);
  assert.deepEqual(turns().frames(`${SPEECH}....x....x..`), ['open 1 from 0', 'close 1 at 420']);
});

test('silence ends it after as long as the rules say, and a shorter pause does not', () => {
  assert.deepEqual(turns().frames(`${SPEECH}${'.'.repeat(9)}${SPEECH}${SILENCE}`), ['open 1 from 0', 'close 1 at 780']);
  assert.deepEqual(turns({ silenceMs: 10 }).frames('xxx.xxx.'), [
    ...['open 1 from 0', 'close 1 at 80'],
    ...['open 2 from 80', 'close 2 at 160'],
  ]);
});

test('what precedes an utterance never reaches into the one before', () => {
  const it = turns({ prefixMs: 500 });
  assert.deepEqual(it.frames(`${SPEECH}${SILENCE}${SPEECH}`), ['open 1 from 0', 'close 1 at 400', 'open 2 from 400']);
});

test('a client that stops sending gets its end by the clock, counted from the last voice and a second of grace', () => {
  const it = turns();
  it.frames(`${SPEECH}.....`);
  assert.deepEqual(it.wait(1099), []);
  assert.deepEqual(it.wait(1), ['close 1 at 300']);
  assert.equal(nextTick(it.state), undefined);
});

test('speech that does not end is cut at the longest utterance and goes on there', () => {
  const it = turns({}, 400);
  assert.deepEqual(it.frames('x'.repeat(41)), [
    ...['open 1 from 0', 'close 1 at 400, goes on', 'open 2 from 400'],
    ...['close 2 at 800, goes on', 'open 3 from 800'],
  ]);
});

test('a long utterance ends at a pause between words, before it has to be cut through one', () => {
  const it = turns({ silenceMs: 5000 }, 2000);
  assert.deepEqual(it.frames(`${'x'.repeat(60)}${SILENCE}${'x'.repeat(10)}`), ['open 1 from 0']);
  assert.deepEqual(it.frames(SILENCE), ['close 1 at 1800']);
});

describe('with a model that hears whether a turn is over', () => {
  const judged = () => turns({ judge: { askMs: 100, patienceMs: 1000 } });
  const answer = (it: ReturnType<typeof turns>, ended: boolean | undefined, voiceUntilMs = 200): string[] =>
    it.send({ type: 'verdict', utterance: 1, voiceUntilMs, ended }).map(short);

  test('it is asked in a pause, and what it takes for the end is the end', () => {
    const it = judged();
    assert.deepEqual(it.frames(`${SPEECH}....`), ['open 1 from 0']);
    assert.deepEqual(it.frames('..'), ['ask 1 at 300']);
    assert.deepEqual(answer(it, true), ['close 1 at 320']);
    assert.deepEqual(answer(it, true), [], 'an answer to nothing');
  });

  test('what it takes for a pause may last, and is asked about again after as much more', () => {
    const it = judged();
    assert.deepEqual(it.frames(`${SPEECH}.....`), ['open 1 from 0', 'ask 1 at 300']);
    assert.deepEqual(answer(it, false), []);
    assert.deepEqual(it.frames(SILENCE), ['ask 1 at 400']);
    assert.deepEqual(it.frames(SILENCE), [], 'one question at a time');
    assert.deepEqual(answer(it, false), ['ask 1 at 700'], 'what became due meanwhile');
    assert.deepEqual(answer(it, false), []);
    assert.deepEqual(it.frames('.'.repeat(30)), ['close 1 at 1200']);
  });

  test('an answer about a pause that is over decides nothing, and the next pause is asked about anew', () => {
    const it = judged();
    it.frames(`${SPEECH}.....`);
    it.frames(SPEECH);
    assert.deepEqual(answer(it, true), []);
    assert.deepEqual(it.frames('.....'), ['ask 1 at 600']);
    assert.deepEqual(answer(it, true, 500), ['close 1 at 600']);
    const late = judged();
    late.frames(`${SPEECH}.....${SPEECH}.......`);
    assert.deepEqual(answer(late, true), ['ask 1 at 640'], 'the next pause has come meanwhile');
  });

  test('without an answer silence alone decides, for that utterance', () => {
    const it = judged();
    it.frames(`${SPEECH}.....`);
    assert.deepEqual(answer(it, undefined), []);
    assert.deepEqual(it.frames('.....'), ['close 1 at 400']);
    assert.deepEqual(it.frames(`${SPEECH}.....`), ['open 2 from 400', 'ask 2 at 700']);
    const late = judged();
    late.frames(`${SPEECH}${SILENCE}${SILENCE}`);
    assert.deepEqual(answer(late, undefined), ['close 1 at 600'], 'silence that was long enough before');
  });

  test('a client that stops sending, and one that takes the turns, need no answer', () => {
    const it = judged();
    it.frames(`${SPEECH}.....`);
    assert.deepEqual(it.wait(1099), []);
    assert.deepEqual(it.wait(1), ['close 1 at 300']);
    const own = judged();
    own.frames(`${SPEECH}.....`);
    own.send({ type: 'change', rules: { turns: { kind: 'manual' }, longestMs: 10_000 } });
    assert.deepEqual(answer(own, true), []);
    assert.deepEqual(own.send({ type: 'commit' }).map(short), ['close 1 at 300']);
  });
});

test('that nobody spoke is told once, and again after the next utterance', () => {
  const it = turns({ idle: { afterMs: 300, fromMs: 0 } });
  assert.deepEqual(it.frames('.'.repeat(50)), ['idle 0 to 300']);
  assert.deepEqual(it.frames(`${SPEECH}${SILENCE}${'.'.repeat(50)}`), [
    ...['open 1 from 900', 'close 1 at 1400'],
    'idle 1400 to 1700',
  ]);
});

test('that nobody spoke is counted from where somebody is expected to, or spoke nonetheless, and told for each', () => {
  const expect = (fromMs: number) => ({ ...VOICE, idle: { afterMs: 300, fromMs } });
  const it = turns(expect(500));
  const change = (fromMs: number) => it.send({ type: 'change', rules: { turns: expect(fromMs), longestMs: 10_000 } });
  assert.deepEqual(it.frames('.'.repeat(50)), ['idle 500 to 800']);
  change(500);
  assert.deepEqual(it.frames('.'.repeat(50)), []);
  change(2100);
  assert.deepEqual(it.frames('.'.repeat(50)), ['idle 2100 to 2400']);
  change(2500);
  assert.deepEqual(it.frames('.'.repeat(50)), ['idle 3000 to 3300']);
  change(9000);
  it.send({ type: 'clear' });
  assert.deepEqual(it.frames(`${'.'.repeat(50)}${SPEECH}${SILENCE}${'.'.repeat(50)}`), [
    ...['open 1 from 4900', 'close 1 at 5400'],
    'idle 5400 to 5700',
  ]);
});

test('with manual turns everything belongs to an utterance that only the caller ends', () => {
  const it = turns('manual');
  assert.deepEqual(it.frames(SILENCE.repeat(9)), ['open 1 from 0']);
  assert.equal(nextTick(it.state), undefined);
  assert.deepEqual(it.send({ type: 'commit' }).map(short), ['close 1 at 1800']);
  assert.deepEqual(it.send({ type: 'commit' }), []);
  assert.deepEqual(it.frames('x'), ['open 2 from 1800']);
  assert.deepEqual(it.send({ type: 'clear' }).map(short), ['forget 2']);
  assert.deepEqual(it.frames('x'), ['open 3 from 1820']);
});

test('a commit ends what is being spoken, and nothing where nobody speaks', () => {
  const it = turns();
  assert.deepEqual(it.send({ type: 'commit' }), []);
  it.frames(`${SILENCE}${SPEECH}`);
  assert.deepEqual(it.send({ type: 'commit' }).map(short), ['close 1 at 400']);
  assert.deepEqual(it.frames(SPEECH), ['open 2 from 400']);
});

test('turns that the caller gives up are taken over by the voice, with no more audio than precedes one', () => {
  const it = turns('manual');
  it.frames(SPEECH.repeat(2));
  const rules = { turns: VOICE, longestMs: 10_000 };
  assert.deepEqual(it.send({ type: 'change', rules }).map(short), ['forget 1']);
  assert.deepEqual(it.frames('...xxx'), ['open 2 from 360']);
  assert.deepEqual(it.send({ type: 'change', rules: { ...rules, turns: { kind: 'manual' } } }), []);
  assert.deepEqual(it.frames(SILENCE.repeat(5)), []);
  assert.deepEqual(it.send({ type: 'commit' }).map(short), ['close 2 at 1520']);
});

/** What must hold after every step, whatever came before. */
class Watch {
  #open: { number: number; fromMs: number; spoken: boolean } | undefined;
  #lastNumber = 0;
  #lastEnd = 0;
  #heldFrom = 0;
  #idle = false;

  check(before: TurnState, state: TurnState, effects: readonly TurnEffect[]): void {
    assert.ok(state.audioMs >= before.audioMs, 'time went back');
    if (idleFrom(before) !== idleFrom(state)) this.#idle = false;
    for (const effect of effects) this.#see(effect, before, state);
    assert.equal(state.open?.number, this.#open?.number);
    assert.ok(state.keepFromMs >= this.#heldFrom, 'what was let go is kept again');
    this.#heldFrom = state.keepFromMs;
    assert.ok(state.keepFromMs <= (state.open?.fromMs ?? state.audioMs));
    const { turns: rule, longestMs } = state.rules;
    const keptMs = state.open === undefined ? (rule.kind === 'manual' ? 0 : rule.prefixMs + 100) : longestMs + FRAME_MS;
    assert.ok(state.audioMs - state.keepFromMs <= Math.max(keptMs, this.#slack(before)), 'audio is kept without end');
    if (state.open !== undefined)
      assert.ok(state.audioMs - state.open.fromMs <= Math.max(longestMs, before.rules.longestMs));
    assert.ok(state.recent.reduce((sum, { ms }) => sum + ms, 0) <= 100);
  }

  /** A longer prefix before the change. */
  #slack({ rules: { turns: rule } }: TurnState): number {
    return rule.kind === 'manual' ? 0 : rule.prefixMs + 100 + FRAME_MS;
  }

  #see(effect: TurnEffect, before: TurnState, state: TurnState): void {
    switch (effect.type) {
      case 'open':
        assert.equal(this.#open, undefined, 'two at once');
        assert.equal(effect.utterance, this.#lastNumber + 1);
        assert.ok(effect.fromMs >= this.#lastEnd, 'audio of two utterances');
        assert.ok(effect.fromMs >= before.keepFromMs, 'its beginning is gone');
        assert.ok(effect.fromMs <= state.audioMs);
        this.#open = { number: effect.utterance, fromMs: effect.fromMs, spoken: effect.spoken };
        this.#lastNumber = effect.utterance;
        this.#idle = false;
        break;
      case 'close':
        assert.equal(effect.utterance, this.#open?.number);
        assert.equal(effect.spoken, this.#open?.spoken);
        assert.ok(effect.toMs > this.#open!.fromMs, 'an empty utterance');
        assert.ok(effect.voicedMs >= 0 && effect.voicedMs <= effect.toMs - this.#open!.fromMs);
        this.#lastEnd = effect.toMs;
        this.#open = undefined;
        break;
      case 'forget':
        assert.equal(effect.utterance, this.#open?.number);
        this.#open = undefined;
        break;
      case 'ask':
        assert.equal(effect.utterance, this.#open?.number);
        assert.ok(state.open?.asking, 'no answer is awaited');
        assert.ok(effect.toMs > effect.voiceUntilMs, 'asked while somebody speaks');
        break;
      case 'idle':
        assert.equal(this.#open, undefined);
        assert.ok(!this.#idle, 'told twice');
        assert.ok(effect.toMs > effect.fromMs);
        this.#idle = true;
        break;
    }
  }

  copy(): Watch {
    const copy = new Watch();
    copy.#open = this.#open;
    copy.#lastNumber = this.#lastNumber;
    copy.#lastEnd = this.#lastEnd;
    copy.#heldFrom = this.#heldFrom;
    copy.#idle = this.#idle;
    return copy;
  }
}

function idleFrom({ rules: { turns: rule } }: TurnState): number | undefined {
  return rule.kind === 'voice' ? rule.idle?.fromMs : undefined;
}

const BRISK = { kind: 'voice', threshold: 0.5, prefixMs: 60, silenceMs: 40 } as const;
const RULES: TurnRules[] = [
  { turns: { ...BRISK, idle: { afterMs: 60, fromMs: 0 } }, longestMs: 200 },
  { turns: { kind: 'manual' }, longestMs: 200 },
];
const JUDGED: TurnRules = { turns: { ...BRISK, judge: { askMs: 20, patienceMs: 100 } }, longestMs: 200 };
/** Every answer, to the question that is open and to one about an earlier pause. */
const verdicts = ({ open }: TurnState): { event: TurnEvent; waitMs: number }[] =>
  open === undefined
    ? []
    : [true, false, undefined].flatMap((ended) =>
        [open.voiceUntilMs, open.voiceUntilMs - 20].map((voiceUntilMs) => ({
          event: { type: 'verdict', utterance: open.number, voiceUntilMs, ended },
          waitMs: 0,
        })),
      );
const EVENTS: { event: TurnEvent; waitMs: number }[] = [
  { event: { type: 'frame', ms: 20, voice: true }, waitMs: 20 },
  { event: { type: 'frame', ms: 60, voice: true }, waitMs: 60 },
  { event: { type: 'frame', ms: 20, voice: false }, waitMs: 20 },
  { event: { type: 'commit' }, waitMs: 0 },
  { event: { type: 'clear' }, waitMs: 0 },
  { event: { type: 'change', rules: RULES[0]! }, waitMs: 0 },
  { event: { type: 'change', rules: RULES[1]! }, waitMs: 0 },
  { event: { type: 'tick' }, waitMs: 2000 },
];

test('every sequence of events up to a length keeps the promises', () => {
  const seen = new Set<string>();
  let judged = false;
  const explore = (state: TurnState, watch: Watch, now: number, depth: number): void => {
    if (depth === 0) return;
    const key = JSON.stringify([depth, state, now - state.frameAt]);
    if (seen.has(key)) return;
    seen.add(key);
    for (const { event, waitMs } of [...EVENTS, ...(judged ? verdicts(state) : [])]) {
      const after = now + waitMs;
      const frozen = JSON.stringify(state);
      const { state: next, effects } = step(state, event, after);
      assert.equal(JSON.stringify(state), frozen, 'the given state was changed');
      const watched = watch.copy();
      watched.check(state, next, effects);
      explore(next, watched, after, depth - 1);
    }
  };
  for (const rules of RULES) explore(newTurns(rules), new Watch(), 0, 7);
  judged = true;
  explore(newTurns(JUDGED), new Watch(), 0, 7);
});

test('long random lives keep the promises, and every utterance ends', () => {
  let seed = 7;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  for (let life = 0; life < 200; life++) {
    const rules = (): TurnRules => ({
      turns:
        random(5) === 0
          ? { kind: 'manual' }
          : {
              ...VOICE,
              prefixMs: random(400),
              silenceMs: 10 + random(300),
              idle: random(2) ? { afterMs: 1 + random(900), fromMs: random(3) * 2000 } : undefined,
            },
      longestMs: 1000,
    });
    const watch = new Watch();
    let state = newTurns(rules());
    let now = 0;
    let speaks = false;
    for (let i = 0; i < 500; i++) {
      if (random(15) === 0) speaks = !speaks;
      const kind = random(60);
      const event: TurnEvent =
        kind > 3
          ? { type: 'frame', ms: random(20) === 0 ? 1 + random(20) : FRAME_MS, voice: speaks !== (random(6) === 0) }
          : [
              { type: 'commit' as const },
              { type: 'clear' as const },
              { type: 'tick' as const },
              { type: 'change' as const, rules: rules() },
            ][kind]!;
      now += event.type === 'tick' ? random(3000) : FRAME_MS;
      const { state: next, effects } = step(state, event, now);
      watch.check(state, next, effects);
      state = next;
    }
    // Whatever is open ends: by the clock, or by the caller.
    const due = nextTick(state);
    const { state: ended } =
      due === undefined ? step(state, { type: 'commit' }, now) : step(state, { type: 'tick' }, due);
    assert.equal(ended.open, undefined);
  }
});
