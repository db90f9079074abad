import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LevelStore } from './level.ts';

const tone = new Float32Array(960).fill(0.3);
const nothing = new Float32Array(960);

test('the level is that of the loudest of a few frames', () => {
  const store = new LevelStore();
  for (const frame of [nothing, tone, nothing]) store.hear(frame);
  assert.ok(store.state.level > 0.8);
  for (const frame of [nothing, nothing, nothing]) store.hear(frame);
  assert.equal(store.state.level, 0);
});

test('a microphone that is off is told from a pause', () => {
  const store = new LevelStore();
  for (let frame = 0; frame < 150; frame++) store.hear(nothing);
  assert.equal(store.state.silent, false);
  for (let frame = 0; frame < 60; frame++) store.hear(nothing);
  assert.equal(store.state.silent, true);
  for (let frame = 0; frame < 3; frame++) store.hear(tone);
  assert.equal(store.state.silent, false);
});
