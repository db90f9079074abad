import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  maxProcesses,
  newPool,
  nextTick,
  type PoolEffect,
  type PoolEvent,
  type PoolRules,
  type PoolState,
  step,
  unloadAt,
} from './pool.machine.ts';

const RULES: PoolRules = { maxProcesses: 4, ttlMs: 300_000, failures: 3 };

const granted = (process: number): PoolEvent[] => [{ type: 'granted', process }];
const unanswered = (): PoolEvent[] => [];
const denied = (process: number): PoolEvent[] => [{ type: 'denied', process, reason: 'no room' }];

/** A pool with a clock and its effects so far. */
function pool(rules: Partial<PoolRules> = {}) {
  let state = newPool({ ...RULES, ...rules });
  let now = 1000;
  /** Whoever asks for room gets it at once, where the test does not say otherwise. */
  const send = (event: PoolEvent, answer: (process: number) => PoolEvent[] = granted): PoolEffect[] => {
    const next = step(state, event, now);
    state = next.state;
    return next.effects.flatMap((effect) => {
      if (effect.type !== 'ask') return [effect];
      const answered = answer(effect.process).flatMap((event) => send(event));
      return answer === granted ? answered : [effect, ...answered];
    });
  };
  return {
    get state() {
      return state;
    },
    get now() {
      return now;
    },
    send,
    wait(ms: number): PoolEffect[] {
      now += ms;
      return this.send({ type: 'tick' });
    },
    /** Brings up `count` processes of one slot each, busy with calls 1 to `count`. */
    grow(count: number): void {
      for (let call = 1; call <= count; call++) this.send({ type: 'call', call, alone: false });
      for (let process = 1; process <= count; process++)
        this.send({ type: 'loaded', process, concurrency: 1, processors: 1 });
    },
    free(...processes: number[]): void {
      for (const process of processes) this.send({ type: 'freed', process, answered: true });
    },
    phases: () => state.processes.map(({ id, phase }) => `${id} ${phase}`),
  };
}

test('the first call starts one process and runs when it is ready', () => {
  const { send } = pool();
  assert.deepEqual(send({ type: 'call', call: 1, alone: false }), [{ type: 'start', process: 1 }]);
  assert.deepEqual(send({ type: 'loaded', process: 1, concurrency: 1, processors: 1 }), [
    { type: 'run', call: 1, process: 1 },
  ]);
});

test('one process loads at first, then as many at a time as there are ready ones', () => {
  const { send, phases } = pool({ maxProcesses: 8 });
  for (let call = 1; call <= 9; call++) send({ type: 'call', call, alone: false });
  assert.deepEqual(phases(), ['1 loading']);
  send({ type: 'loaded', process: 1, concurrency: 1, processors: 1 });
  assert.deepEqual(phases(), ['1 ready', '2 loading']);
  send({ type: 'loaded', process: 2, concurrency: 1, processors: 1 });
  assert.deepEqual(phases(), ['1 ready', '2 ready', '3 loading', '4 loading']);
});

test('it grows to the most processes and no further', () => {
  const it = pool({ maxProcesses: 3 });
  for (let call = 1; call <= 9; call++) it.send({ type: 'call', call, alone: false });
  for (let process = 1; process <= 3; process++) it.send({ type: 'loaded', process, concurrency: 1, processors: 1 });
  assert.deepEqual(it.phases(), ['1 ready', '2 ready', '3 ready']);
  assert.equal(it.state.waiting.length, 6);
});

test('it does not grow while a process is free', () => {
  const it = pool();
  it.grow(1);
  it.free(1);
  assert.deepEqual(it.send({ type: 'call', call: 2, alone: false }), [{ type: 'run', call: 2, process: 1 }]);
  assert.deepEqual(it.phases(), ['1 ready']);
});

test('a model that takes several calls at once gets fewer processes', () => {
  const it = pool({ maxProcesses: 4 });
  for (let call = 1; call <= 9; call++) it.send({ type: 'call', call, alone: false });
  it.send({ type: 'loaded', process: 1, concurrency: 3, processors: 3 });
  it.send({ type: 'loaded', process: 2, concurrency: 3, processors: 3 });
  assert.equal(maxProcesses(it.state), 2);
  assert.deepEqual(it.phases(), ['1 ready', '2 ready']);
  assert.equal(it.state.waiting.length, 3);
});

test('a model whose calls share a processor gets one process for each, when the first is full', () => {
  const it = pool({ maxProcesses: 4 });
  for (let call = 1; call <= 4; call++) it.send({ type: 'call', call, alone: false });
  it.send({ type: 'loaded', process: 1, concurrency: 4, processors: 1 });
  assert.deepEqual(it.phases(), ['1 ready']);
  assert.equal(maxProcesses(it.state), 4);
  it.send({ type: 'call', call: 5, alone: false });
  assert.equal(it.phases().length, 2);
});

test('the oldest process is kept warm; the others end after a minute without work', () => {
  const it = pool();
  it.grow(3);
  it.free(3, 1, 2);
  assert.deepEqual(it.wait(59_000), []);
  assert.deepEqual(it.wait(1000), [
    { type: 'stop', process: 3 },
    { type: 'stop', process: 2 },
  ]);
  assert.deepEqual(it.phases(), ['1 ready', '2 ending', '3 ending']);
});

test('the last process ends when the model has been idle for its time', () => {
  const it = pool();
  it.grow(1);
  it.free(1);
  assert.equal(nextTick(it.state), it.now + 300_000);
  assert.deepEqual(it.wait(299_999), []);
  assert.deepEqual(it.wait(1), [{ type: 'stop', process: 1 }]);
  it.send({ type: 'died', process: 1, fault: undefined, reason: '' });
  assert.deepEqual(it.state.processes, []);
  assert.equal(nextTick(it.state), undefined);
});

test('a model without an idle time keeps one process for ever', () => {
  const it = pool({ ttlMs: Number.POSITIVE_INFINITY });
  it.grow(2);
  it.free(1, 2);
  it.wait(60_000);
  it.send({ type: 'died', process: 2, fault: undefined, reason: '' });
  it.wait(1e12);
  assert.deepEqual(it.phases(), ['1 ready']);
  assert.equal(nextTick(it.state), undefined);
});

test('a process that works does not end, however old its model is', () => {
  const it = pool();
  it.grow(1);
  assert.deepEqual(it.wait(1e9), []);
});

test('after a crash the next process starts at once, after more crashes later and later, up to ten seconds', () => {
  const it = pool({ maxProcesses: 1 });
  const delays: number[] = [];
  it.send({ type: 'call', call: 0, alone: false });
  for (let process = 1; process <= 12; process++) {
    it.send({ type: 'loaded', process, concurrency: 1, processors: 1 });
    it.send({ type: 'call', call: process, alone: false });
    it.send({ type: 'died', process, fault: 'crash', reason: '' });
    delays.push(Math.max(0, it.state.startAfter - it.now));
    it.wait(delays.at(-1)!);
    assert.deepEqual(it.phases(), [`${process + 1} loading`]);
  }
  assert.deepEqual(delays, [0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000, 10_000]);
});

test('an answered call ends the distrust, one that failed does not', () => {
  const it = pool();
  it.grow(2);
  it.send({ type: 'died', process: 1, fault: 'crash', reason: '' });
  it.send({ type: 'freed', process: 2, answered: false });
  assert.equal(it.state.crashes, 1);
  it.send({ type: 'call', call: 3, alone: false });
  it.free(2);
  assert.equal(it.state.crashes, 0);
});

test('failed loads in a row end in quarantine with the reason, and waiting calls with it', () => {
  const it = pool();
  it.send({ type: 'call', call: 1, alone: false });
  it.send({ type: 'died', process: 1, fault: 'load', reason: 'first' });
  it.send({ type: 'died', process: 2, fault: 'load', reason: 'second' });
  it.wait(100);
  const effects = it.send({ type: 'died', process: 3, fault: 'load', reason: 'the file is broken' });
  assert.deepEqual(effects, [{ type: 'refuse', call: 1, reason: 'the file is broken', why: 'quarantine' }]);
  assert.deepEqual(it.send({ type: 'call', call: 2, alone: false }), [
    { type: 'refuse', call: 2, reason: 'the file is broken', why: 'quarantine' },
  ]);
  assert.equal(nextTick(it.state), undefined);
});

test('an explicit load lifts the quarantine', () => {
  const it = pool({ failures: 1 });
  it.send({ type: 'load' });
  it.send({ type: 'died', process: 1, fault: 'load', reason: 'broken' });
  assert.equal(it.state.quarantine, 'broken');
  assert.deepEqual(it.send({ type: 'load' }), [{ type: 'start', process: 2 }]);
  assert.equal(it.state.quarantine, undefined);
  it.send({ type: 'loaded', process: 2, concurrency: 1, processors: 1 });
  assert.equal(it.state.failedLoads, 0);
});

test('processes that serve are not quarantined because one more cannot load', () => {
  const it = pool();
  it.grow(1);
  for (let process = 2; process < 9; process++) {
    it.send({ type: 'call', call: 100 + process, alone: false });
    it.send({ type: 'died', process, fault: 'load', reason: 'no memory' });
    it.wait(20_000);
  }
  assert.equal(it.state.quarantine, undefined);
  assert.ok(it.phases().includes('1 ready'));
});

test('crashes alone never quarantine a model: one caller could take it from all others', () => {
  const it = pool();
  it.send({ type: 'call', call: 0, alone: false });
  for (let process = 1; process < 50; process++) {
    it.send({ type: 'loaded', process, concurrency: 1, processors: 1 });
    it.send({ type: 'call', call: process, alone: false });
    it.send({ type: 'died', process, fault: 'crash', reason: '' });
    it.wait(10_000);
  }
  assert.equal(it.state.quarantine, undefined);
});

test('a call that must be alone gets an idle process, and nobody joins it', () => {
  const it = pool({ maxProcesses: 4 });
  it.send({ type: 'call', call: 1, alone: false });
  it.send({ type: 'loaded', process: 1, concurrency: 4, processors: 4 });
  assert.deepEqual(it.send({ type: 'call', call: 2, alone: true }), []);
  assert.deepEqual(it.send({ type: 'call', call: 3, alone: false }), []);
  assert.deepEqual(it.send({ type: 'freed', process: 1, answered: true }), [{ type: 'run', call: 2, process: 1 }]);
  assert.deepEqual(it.send({ type: 'freed', process: 1, answered: true }), [{ type: 'run', call: 3, process: 1 }]);
});

test('a stuck process gets no more calls and ends after its last', () => {
  const it = pool();
  it.send({ type: 'call', call: 1, alone: false });
  it.send({ type: 'loaded', process: 1, concurrency: 2, processors: 2 });
  it.send({ type: 'stuck', process: 1 });
  assert.deepEqual(it.send({ type: 'call', call: 2, alone: false }), [{ type: 'start', process: 2 }]);
  assert.deepEqual(it.send({ type: 'freed', process: 1, answered: false }), [{ type: 'stop', process: 1 }]);
});

test('unloading lets running calls finish and stops what is idle or still loads', () => {
  const it = pool();
  it.grow(2);
  it.send({ type: 'call', call: 3, alone: false });
  it.free(1);
  it.free(1);
  it.send({ type: 'call', call: 4, alone: false });
  it.send({ type: 'call', call: 5, alone: false });
  const effects = it.send({ type: 'unload' });
  assert.deepEqual(it.phases().slice(0, 3), ['1 closing', '2 closing', '3 ending']);
  assert.ok(effects.some((effect) => effect.type === 'stop' && effect.process === 3));
  assert.deepEqual(it.send({ type: 'freed', process: 2, answered: true }), [{ type: 'stop', process: 2 }]);
});

test('a process starts only once there is room, and nobody keeps asking when nobody waits', () => {
  const it = pool();
  assert.deepEqual(it.send({ type: 'call', call: 1, alone: false }, unanswered), [
    { type: 'ask', process: 1, more: false },
  ]);
  assert.deepEqual(it.send({ type: 'call', call: 2, alone: false }, unanswered), []);
  assert.deepEqual(it.send({ type: 'left', call: 1 }), []);
  assert.deepEqual(it.send({ type: 'left', call: 2 }), [{ type: 'withdraw', process: 1 }]);
  assert.deepEqual(it.send({ type: 'granted', process: 1 }), []);
  assert.deepEqual(it.phases(), []);
});

test('where there is no room at all, waiting calls end with the reason, and the next one asks again', () => {
  const it = pool();
  assert.deepEqual(it.send({ type: 'call', call: 1, alone: false }, denied), [
    { type: 'ask', process: 1, more: false },
    { type: 'refuse', call: 1, reason: 'no room', why: 'room' },
  ]);
  assert.deepEqual(it.send({ type: 'call', call: 2, alone: false }), [{ type: 'start', process: 2 }]);
});

test('where there is no room for more, calls wait for the processes that there are, until there is', () => {
  const it = pool();
  it.grow(1);
  assert.deepEqual(it.send({ type: 'call', call: 2, alone: false }, denied), [{ type: 'ask', process: 2, more: true }]);
  assert.deepEqual(it.send({ type: 'call', call: 3, alone: false }, denied), []);
  assert.deepEqual(it.send({ type: 'room' }), [{ type: 'start', process: 3 }]);
});

test('an idle process whose room others need ends; one that got a call meanwhile works it off', () => {
  const it = pool();
  it.grow(2);
  it.free(1);
  assert.deepEqual(it.send({ type: 'evict', process: 1 }), [{ type: 'stop', process: 1 }]);
  assert.deepEqual(it.send({ type: 'evict', process: 2 }), []);
  assert.deepEqual(it.send({ type: 'freed', process: 2, answered: true }), [{ type: 'stop', process: 2 }]);
});

test('a kept model keeps its last process, and gives it back when it no longer is', () => {
  const it = pool();
  it.grow(2);
  it.free(1, 2);
  it.send({ type: 'keep', kept: true });
  assert.equal(unloadAt(it.state), undefined);
  assert.deepEqual(it.wait(60_000), [{ type: 'stop', process: 2 }]);
  it.send({ type: 'died', process: 2, fault: undefined, reason: '' });
  assert.deepEqual(it.wait(1e9), []);
  assert.deepEqual(it.send({ type: 'keep', kept: false }), [{ type: 'stop', process: 1 }]);
});

test('it tells when it will be unloaded, but not while it works or loads', () => {
  const it = pool();
  assert.equal(unloadAt(it.state), undefined);
  it.grow(1);
  assert.equal(unloadAt(it.state), undefined);
  it.free(1);
  assert.equal(unloadAt(it.state), it.now + RULES.ttlMs);
});

/** Everything that could happen next in this state. */
function possible(state: PoolState, calls: number): PoolEvent[] {
  const events: PoolEvent[] = [{ type: 'load' }, { type: 'unload' }];
  if (calls < 4) events.push(...[false, true].map((alone) => ({ type: 'call', call: calls, alone }) as const));
  if (nextTick(state) !== undefined) events.push({ type: 'tick' });
  for (const { call } of state.waiting) events.push({ type: 'left', call });
  if (state.full) events.push({ type: 'room' });
  for (const { id: process, phase, busy } of state.processes) {
    if (phase === 'asking') {
      events.push({ type: 'granted', process }, { type: 'denied', process, reason: 'room' });
      continue;
    }
    if (phase === 'ready') events.push({ type: 'evict', process });
    if (phase === 'loading') {
      events.push({ type: 'loaded', process, concurrency: 2, processors: 2 });
      events.push({ type: 'died', process, fault: 'load', reason: 'load' });
    } else {
      events.push({ type: 'died', process, fault: phase === 'ending' ? undefined : 'crash', reason: 'crash' });
    }
    if (busy > 0) {
      events.push({ type: 'freed', process, answered: true }, { type: 'freed', process, answered: false });
      events.push({ type: 'stuck', process });
    }
  }
  return events;
}

/** What must hold after every step. */
function check(before: PoolState, event: PoolEvent, state: PoolState, effects: PoolEffect[]): void {
  const handed = new Set<number>();
  for (const effect of effects) {
    if (effect.type === 'run' || effect.type === 'refuse') {
      assert.ok(!handed.has(effect.call), 'a call is handed out twice');
      handed.add(effect.call);
    }
    const process = 'process' in effect ? state.processes.find(({ id }) => id === effect.process) : undefined;
    if (effect.type === 'run') assert.equal(process?.phase, 'ready');
    if (effect.type === 'ask') assert.equal(process?.phase, 'asking');
    if (effect.type === 'start') {
      assert.equal(event.type === 'granted' && event.process === effect.process, true, 'it starts without room');
    }
    if (effect.type === 'withdraw') assert.equal(process, undefined);
    if (effect.type === 'stop') {
      assert.equal(process?.phase, 'ending');
      assert.equal(process.busy, 0, 'a process is stopped under a call');
      assert.notEqual(before.processes.find(({ id }) => id === process.id)?.phase, 'ending');
    }
  }
  const waited = [...before.waiting.map(({ call }) => call), ...(event.type === 'call' ? [event.call] : [])];
  const left = event.type === 'left' ? [event.call] : [];
  const accounted = [...state.waiting.map(({ call }) => call), ...handed, ...left];
  assert.deepEqual(new Set(accounted), new Set(waited), 'a call is lost');
  assert.equal(accounted.length, waited.length);

  for (const { busy, alone, phase } of state.processes) {
    assert.ok(busy >= 0 && busy <= (alone ? 1 : state.concurrency));
    assert.ok(!(phase === 'closing' && busy === 0), 'a closing process is left behind');
    if (phase === 'asking') assert.ok(state.waiting.length > 0 || state.wanted, 'room is asked for nobody');
  }
  const growing = effects.some(({ type }) => type === 'ask');
  if (growing) assert.ok(state.processes.length <= maxProcesses(state));
  if (state.quarantine !== undefined) {
    assert.equal(state.waiting.length, 0);
    assert.equal(growing, false);
  }
  const head = state.waiting[0];
  if (head !== undefined) {
    const free = state.processes.some(({ phase, busy, alone }) => {
      return phase === 'ready' && !alone && busy < (head.alone ? 1 : state.concurrency);
    });
    assert.equal(free, false, 'a call waits beside a free process');
    assert.ok(state.processes.length > 0 || nextTick(state) !== undefined, 'a call waits for nothing');
  }
}

test('in every order of events up to seven steps, no call is lost, none waits for nothing, and bounds hold', () => {
  const seen = new Set<string>();
  let steps = 0;
  const explore = (state: PoolState, now: number, calls: number, depth: number): void => {
    // Times matter only relative to now.
    const key = JSON.stringify([
      depth,
      calls,
      { ...state, startAfter: Math.max(0, state.startAfter - now) },
      state.processes.map(({ idleSince }) => idleSince - now),
    ]);
    if (seen.has(key)) return;
    seen.add(key);
    if (depth === 0) return;
    for (const event of possible(state, calls)) {
      const at = event.type === 'tick' ? Math.max(now, nextTick(state)!) : now;
      const next = step(state, event, at);
      steps++;
      check(state, event, next.state, next.effects);
      explore(next.state, at, calls + (event.type === 'call' ? 1 : 0), depth - 1);
    }
  };
  for (const rules of [
    { maxProcesses: 3, ttlMs: 1000, failures: 2 },
    { maxProcesses: 1, ttlMs: Number.POSITIVE_INFINITY, failures: 1 },
  ]) {
    explore(newPool(rules), 0, 0, 7);
  }
  assert.ok(steps > 10_000);
});

test('in long random runs the same holds, and calls that are served all end', () => {
  let random = 7;
  const next = (below: number): number => {
    random = (Math.imul(random, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (random >> 8) % below;
  };
  for (let run = 0; run < 200; run++) {
    let state = newPool({ maxProcesses: 1 + next(5), ttlMs: 1000, failures: 2 });
    let now = 0;
    let calls = 0;
    for (let i = 0; i < 300; i++) {
      const events = possible(state, next(3) === 0 ? 0 : 99);
      const event = events[next(events.length)]!;
      if (event.type === 'call') event.call = calls++;
      if (event.type === 'tick') now = Math.max(now, nextTick(state)!);
      const { state: after, effects } = step(state, event, now);
      check(state, event, after, effects);
      state = after;
    }
    // From here on nothing goes wrong.
    for (let i = 0; i < 1000 && (state.waiting.length > 0 || state.processes.some(({ busy }) => busy > 0)); i++) {
      const asking = state.processes.find(({ phase }) => phase === 'asking');
      const loading = state.processes.find(({ phase }) => phase === 'loading');
      const ending = state.processes.find(({ phase }) => phase === 'ending');
      const working = state.processes.find(({ busy }) => busy > 0);
      let event: PoolEvent = { type: 'tick' };
      if (ending !== undefined) event = { type: 'died', process: ending.id, fault: undefined, reason: '' };
      else if (asking !== undefined) event = { type: 'granted', process: asking.id };
      else if (loading !== undefined) event = { type: 'loaded', process: loading.id, concurrency: 2, processors: 2 };
      else if (working !== undefined) event = { type: 'freed', process: working.id, answered: true };
      else now = Math.max(now, nextTick(state)!);
      const { state: after, effects } = step(state, event, now);
      check(state, event, after, effects);
      state = after;
    }
    assert.deepEqual(state.waiting, []);
  }
});
