import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  newResidency,
  nextTick,
  type ResidencyEffect,
  type ResidencyEvent,
  type ResidencyRules,
  type ResidencyState,
  type Seat,
  step,
  takenBytes,
} from './residency.machine.ts';

const RULES: ResidencyRules = { maxBytes: 10, maxModels: Number.POSITIVE_INFINITY, waitMs: 1000 };

/** A machine with a clock that moves one ms with each event. */
function memory(rules: Partial<ResidencyRules> = {}) {
  let state = newResidency({ ...RULES, ...rules });
  let now = 0;
  const send = (event: ResidencyEvent): ResidencyEffect[] => {
    const next = step(state, event, ++now);
    state = next.state;
    return next.effects.filter(({ type }) => type !== 'room');
  };
  const ask = (seat: number, model: string, bytes: number, more = false) =>
    send({ type: 'ask', seat, model, bytes, more });
  return {
    get state() {
      return state;
    },
    send,
    ask,
    /** Room for a process that is loaded and idle. */
    hold(seat: number, model: string, bytes: number, more = false): void {
      assert.deepEqual(ask(seat, model, bytes, more), [{ type: 'grant', seat }]);
      send({ type: 'loaded', seat, busy: false });
    },
    wait(ms: number): ResidencyEffect[] {
      now += ms;
      return send({ type: 'tick' });
    },
  };
}

test('room up to the last byte is given at once, and one byte more is not', () => {
  const it = memory();
  it.hold(1, 'a', 6);
  assert.deepEqual(it.ask(2, 'b', 4), [{ type: 'grant', seat: 2 }]);
  assert.deepEqual(it.ask(3, 'c', 1), [{ type: 'evict', seat: 1 }]);
  assert.deepEqual(it.send({ type: 'gone', seat: 1 }), [{ type: 'grant', seat: 3 }]);
});

test('what is larger than all there is gets told so at once; what just fits does not', () => {
  const it = memory();
  assert.deepEqual(it.ask(1, 'a', 11), [{ type: 'refuse', seat: 1, why: 'too-large' }]);
  assert.deepEqual(it.ask(2, 'a', 10), [{ type: 'grant', seat: 2 }]);
});

test('the least recently used goes first, and no more than have to', () => {
  const it = memory();
  it.hold(1, 'a', 3);
  it.hold(2, 'b', 3);
  it.hold(3, 'c', 3);
  it.send({ type: 'use', seat: 1, busy: true });
  it.send({ type: 'use', seat: 1, busy: false });
  assert.deepEqual(it.ask(4, 'd', 4), [{ type: 'evict', seat: 2 }]);
  assert.deepEqual(it.send({ type: 'gone', seat: 2 }), [{ type: 'grant', seat: 4 }]);
});

test('what works, loads or is pinned never goes: the caller waits, and is told when its time is over', () => {
  const it = memory();
  it.hold(1, 'works', 3);
  it.send({ type: 'use', seat: 1, busy: true });
  it.ask(2, 'loads', 3);
  it.send({ type: 'pin', model: 'pinned', pinned: true });
  it.hold(3, 'pinned', 3);
  assert.deepEqual(it.ask(4, 'new', 4), []);
  assert.deepEqual(it.wait(997), []);
  assert.deepEqual(it.wait(1), [{ type: 'refuse', seat: 4, why: 'full' }]);
  assert.equal(nextTick(it.state), undefined);
});

test('whoever waits gets room as soon as somebody is done', () => {
  const it = memory();
  it.hold(1, 'a', 8);
  it.send({ type: 'use', seat: 1, busy: true });
  assert.deepEqual(it.ask(2, 'b', 8), []);
  assert.deepEqual(it.send({ type: 'use', seat: 1, busy: false }), [{ type: 'evict', seat: 1 }]);
  assert.deepEqual(it.send({ type: 'gone', seat: 1 }), [{ type: 'grant', seat: 2 }]);
});

test('nobody goes where all that may go would not be enough', () => {
  const it = memory();
  it.hold(1, 'idle', 3);
  it.hold(2, 'works', 6);
  it.send({ type: 'use', seat: 2, busy: true });
  assert.deepEqual(it.ask(3, 'new', 5), []);
  assert.deepEqual(it.send({ type: 'use', seat: 2, busy: false }), [
    { type: 'evict', seat: 1 },
    { type: 'evict', seat: 2 },
  ]);
});

test('one more process of a model counts, takes free room only, and never makes another go', () => {
  const it = memory();
  it.hold(1, 'a', 4);
  it.hold(2, 'b', 2);
  assert.deepEqual(it.ask(3, 'a', 4, true), [{ type: 'grant', seat: 3 }]);
  assert.equal(takenBytes(it.state), 10);
  assert.deepEqual(it.ask(4, 'a', 4, true), [{ type: 'refuse', seat: 4, why: 'full' }]);
});

test('an idle extra process of a pinned model goes, its last one stays', () => {
  const it = memory();
  it.send({ type: 'pin', model: 'a', pinned: true });
  it.hold(1, 'a', 5);
  it.hold(2, 'a', 5, true);
  assert.deepEqual(it.ask(3, 'b', 5), [{ type: 'evict', seat: 1 }]);
  it.send({ type: 'gone', seat: 1 });
  it.send({ type: 'loaded', seat: 3, busy: false });
  assert.deepEqual(it.ask(4, 'c', 5), [{ type: 'evict', seat: 3 }]);
});

test('a bound on models lets a model go with all its processes', () => {
  const it = memory({ maxModels: 2 });
  it.hold(1, 'a', 1);
  it.hold(2, 'b', 1);
  it.hold(3, 'a', 1, true);
  it.send({ type: 'use', seat: 2, busy: true });
  assert.deepEqual(it.ask(4, 'c', 1), [
    { type: 'evict', seat: 1 },
    { type: 'evict', seat: 3 },
  ]);
  assert.deepEqual(it.send({ type: 'gone', seat: 1 }), []);
  assert.deepEqual(it.send({ type: 'gone', seat: 3 }), [{ type: 'grant', seat: 4 }]);
  assert.deepEqual(it.ask(5, 'b', 1, true), [{ type: 'grant', seat: 5 }]);
});

test('a process that outgrew what was expected of it makes idle ones go, the least recently used first', () => {
  const it = memory();
  it.hold(1, 'a', 3);
  it.hold(2, 'b', 3);
  it.send({ type: 'use', seat: 2, busy: true });
  assert.deepEqual(it.send({ type: 'measured', seat: 2, bytes: 8 }), [{ type: 'evict', seat: 1 }]);
});

test('one that alone outgrew all there is stays until another needs the room', () => {
  const it = memory();
  it.hold(1, 'a', 3);
  assert.deepEqual(it.send({ type: 'measured', seat: 1, bytes: 12 }), []);
  assert.deepEqual(it.ask(2, 'b', 3), [{ type: 'evict', seat: 1 }]);
  assert.deepEqual(it.send({ type: 'gone', seat: 1 }), [{ type: 'grant', seat: 2 }]);
});

test('who no longer needs room makes way for the next', () => {
  const it = memory();
  it.hold(1, 'a', 4);
  it.send({ type: 'use', seat: 1, busy: true });
  it.ask(2, 'large', 10);
  assert.deepEqual(it.ask(3, 'small', 4), [], 'in their order');
  assert.deepEqual(it.send({ type: 'withdraw', seat: 2 }), [{ type: 'grant', seat: 3 }]);
});

/** Everything that could happen next in this state. Seats are asked for up to number `most`. */
function possible(state: ResidencyState, asked: number, most: number): ResidencyEvent[] {
  const events: ResidencyEvent[] = [];
  const held = state.seats.filter(({ phase }) => phase !== 'waiting');
  if (asked < most) {
    for (const [model, bytes] of [
      ['a', 2],
      ['b', 3],
      ['c', 1],
    ] as const) {
      const more = held.some((seat) => seat.model === model && seat.phase === 'loaded');
      // A pool has at most one first load under way.
      if (!more && state.seats.some((seat) => seat.model === model && seat.phase !== 'unloading')) continue;
      events.push({ type: 'ask', seat: asked, model, bytes, more });
    }
  }
  events.push({ type: 'pin', model: 'a', pinned: !state.pinned.has('a') });
  if (nextTick(state) !== undefined) events.push({ type: 'tick' });
  for (const { id: seat, phase, busy, bytes } of state.seats) {
    if (phase === 'waiting') events.push({ type: 'withdraw', seat });
    else events.push({ type: 'gone', seat });
    if (phase === 'loading') {
      events.push({ type: 'loaded', seat, busy: true }, { type: 'loaded', seat, busy: false });
    }
    if (phase === 'loading' || phase === 'loaded') events.push({ type: 'leaving', seat });
    if (phase === 'loaded') events.push({ type: 'use', seat, busy: !busy });
    if (phase === 'loaded' && bytes === 2) events.push({ type: 'measured', seat, bytes: 3 });
  }
  return events;
}

/** What must hold after every step. */
function check(before: ResidencyState, event: ResidencyEvent, state: ResidencyState, effects: ResidencyEffect[]): void {
  const { maxBytes, maxModels } = state.rules;
  const seat = (id: number): Seat | undefined => state.seats.find((other) => other.id === id);
  const held = state.seats.filter(({ phase }) => phase !== 'waiting');
  const modelsHeld = new Set(held.map(({ model }) => model));
  assert.ok(modelsHeld.size <= maxModels, 'more models than may be');

  const answered = new Set<number>();
  const evicted: Seat[] = [];
  for (const effect of effects) {
    if (effect.type === 'grant' || effect.type === 'refuse') {
      assert.ok(!answered.has(effect.seat), 'an ask is answered twice');
      answered.add(effect.seat);
    }
    if (effect.type === 'grant') {
      assert.equal(seat(effect.seat)?.phase, 'loading');
      assert.ok(takenBytes(state) <= maxBytes, 'more room is given than there is');
    }
    if (effect.type === 'refuse') assert.equal(seat(effect.seat), undefined);
    if (effect.type === 'evict') evicted.push(seat(effect.seat)!);
  }
  for (const { id, phase, model } of evicted) {
    const was = before.seats.find((other) => other.id === id)!;
    assert.equal(phase, 'unloading');
    const changed = (event.type === 'use' || event.type === 'loaded') && event.seat === id ? event : undefined;
    assert.equal(changed?.type === 'loaded' ? 'loaded' : was.phase, 'loaded', 'what loads or unloads is made to go');
    assert.equal(changed?.busy ?? was.busy, false, 'what works is made to go');
    if (state.pinned.has(model)) {
      assert.ok(
        state.seats.some((other) => other.model === model && ['loading', 'loaded'].includes(other.phase)),
        'a pinned model is made to go',
      );
    }
  }
  const waiting = state.seats.filter(({ phase }) => phase === 'waiting');
  const asked = event.type === 'ask' ? [event.seat] : [];
  const left = event.type === 'withdraw' ? [event.seat] : [];
  const expected = [...before.seats.filter(({ phase }) => phase === 'waiting').map(({ id }) => id), ...asked];
  assert.deepEqual([...waiting.map(({ id }) => id), ...answered, ...left].sort(), expected.sort(), 'an ask is lost');

  const first = waiting[0];
  if (first === undefined) return;
  assert.notEqual(nextTick(state), undefined, 'somebody could wait for ever');
  assert.ok(
    takenBytes(state) + first.bytes > maxBytes || new Set([...modelsHeld, first.model]).size > maxModels,
    'somebody waits beside room',
  );
  // It waits for somebody who goes, or for somebody who may not go now.
  assert.ok(
    held.some(({ phase, busy, model }) => phase !== 'loaded' || busy || state.pinned.has(model)),
    'somebody waits for nothing',
  );
}

const SCOPES: readonly ResidencyRules[] = [
  { maxBytes: 4, maxModels: Number.POSITIVE_INFINITY, waitMs: 10 },
  { maxBytes: 6, maxModels: 1, waitMs: 10 },
  { maxBytes: 5, maxModels: 2, waitMs: 10 },
];

test('in every order of events up to six steps nobody is lost, bounds hold, and what works, loads or is pinned stays', () => {
  let steps = 0;
  for (const rules of SCOPES) {
    const seen = new Set<string>();
    const explore = (state: ResidencyState, now: number, asked: number, depth: number): void => {
      // Only the order of times matters, and how long the first still waits.
      const order = [...new Set(state.seats.map(({ usedAt }) => usedAt))].sort((a, b) => a - b);
      const seats = state.seats.map((seat) => ({
        ...seat,
        usedAt: order.indexOf(seat.usedAt),
        until: seat.until - now,
      }));
      const key = JSON.stringify([depth, asked, seats, [...state.pinned]]);
      if (seen.has(key)) return;
      seen.add(key);
      if (depth === 0) return;
      for (const event of possible(state, asked, 4)) {
        const at = event.type === 'tick' ? Math.max(now, nextTick(state)!) : now + 1;
        const next = step(state, event, at);
        steps++;
        check(state, event, next.state, next.effects);
        explore(next.state, at, asked + (event.type === 'ask' ? 1 : 0), depth - 1);
      }
    };
    explore(newResidency(rules), 0, 0, 6);
  }
  assert.ok(steps > 20_000, `${steps}`);
});

test('in long random runs the same holds, and in the end everybody who waits is answered', () => {
  let random = 11;
  const next = (below: number): number => {
    random = (Math.imul(random, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (random >> 8) % below;
  };
  for (let run = 0; run < 300; run++) {
    let state = newResidency({ maxBytes: 3 + next(6), maxModels: next(2) === 0 ? 2 : 9, waitMs: 20 });
    let now = 0;
    let asked = 0;
    const send = (event: ResidencyEvent): void => {
      now = event.type === 'tick' ? Math.max(now, nextTick(state)!) : now + 1;
      const { state: after, effects } = step(state, event, now);
      check(state, event, after, effects);
      state = after;
    };
    for (let i = 0; i < 200; i++) {
      const events = possible(state, asked, Number.POSITIVE_INFINITY);
      const event = events[next(events.length)]!;
      if (event.type === 'ask') asked++;
      send(event);
    }
    // From here on whoever works finishes, whoever goes is gone, and nothing new comes.
    const waiting = () => state.seats.filter(({ phase }) => phase === 'waiting').length;
    for (let i = 0; i < 100 && waiting() > 0; i++) {
      const of = (fits: (seat: Seat) => boolean): number | undefined => state.seats.find(fits)?.id;
      const loading = of(({ phase }) => phase === 'loading');
      const unloading = of(({ phase }) => phase === 'unloading');
      const working = of(({ phase, busy }) => phase === 'loaded' && busy);
      if (unloading !== undefined) send({ type: 'gone', seat: unloading });
      else if (loading !== undefined) send({ type: 'loaded', seat: loading, busy: true });
      else if (working !== undefined) send({ type: 'use', seat: working, busy: false });
      else send({ type: 'tick' });
    }
    assert.equal(waiting(), 0);
  }
});
