import assert from 'node:assert/strict';
import { test } from 'node:test';
import { actionsFor } from './actions.ts';
import { managed } from './managed.fixture.ts';

test('a model that is not here can be fetched, and one on its way can be called off', () => {
  assert.deepEqual(actionsFor(managed({ state: 'absent' })), ['pull']);
  assert.deepEqual(actionsFor(managed({ state: 'failed' })), ['pull']);
  for (const state of ['queued', 'downloading', 'unpacking', 'verifying'] as const) {
    assert.deepEqual(actionsFor(managed({ state })), ['cancel']);
  }
});

test('a model that is here can be loaded, kept, made a default and deleted', () => {
  const here = managed({ state: 'available', present: true });
  assert.deepEqual(actionsFor(here), ['load', 'pin', 'default', 'remove']);
  assert.deepEqual(actionsFor({ ...here, state: 'loaded', pinned: true }), ['unload', 'unpin', 'default', 'remove']);
  assert.deepEqual(actionsFor({ ...here, state: 'loading' }), ['pin', 'default', 'remove']);
  assert.deepEqual(actionsFor({ ...here, state: 'quarantined' }), ['load', 'pin', 'default', 'pull', 'remove']);
  assert.ok(!actionsFor({ ...here, kind: 'vad' }).includes('default'));
});

test('what comes with the server stays, and what cannot be used is not offered for use', () => {
  assert.ok(!actionsFor(managed({ state: 'available', present: true, packaged: true })).includes('remove'));
  assert.ok(!actionsFor(managed({ state: 'quarantined', present: true, packaged: true })).includes('pull'));
  assert.deepEqual(actionsFor(managed({ state: 'unavailable', present: true })), ['remove']);
});
