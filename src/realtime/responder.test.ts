import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Thought } from './language-model.ts';
import { makeResponse, type ResponderDeps } from './responder.ts';
import type { Generation, ResponseOutput } from './response.ts';

const ASKED: Generation = {
  ...{ response: 'r', modality: 'text', instructions: '', items: [], literal: undefined, tools: [] },
  ...{ toolChoice: 'auto', parallelToolCalls: true, maxOutputTokens: 'inf', voice: 'v', speed: 1 },
  format: { type: 'audio/pcm', rate: 24_000 },
};

test('a client that reads slowly is written to no faster, whether text or the arguments of a function', async () => {
  const thoughts: Thought[] = [
    { kind: 'text', delta: 'a' },
    { kind: 'text', delta: 'b' },
    { kind: 'call', callId: 'c', name: 'f' },
    { kind: 'arguments', delta: '{}' },
    { kind: 'end' },
  ];
  let asked = 0;
  const languageModel = {
    async *think() {
      for (const thought of thoughts) {
        asked++;
        yield thought;
      }
    },
  };
  let read = Promise.withResolvers<void>();
  const deps = { languageModel, ready: () => read.promise } as unknown as ResponderDeps;
  const told: ResponseOutput[] = [];
  const caller = { requestId: 'r', keyId: 'k', signal: new AbortController().signal };
  const made = makeResponse(deps, ASKED, caller, (output) => told.push(output));
  for (const [index] of thoughts.entries()) {
    await new Promise(setImmediate);
    assert.deepEqual([asked, told.length], [index + 1, index]);
    const { resolve } = read;
    read = Promise.withResolvers();
    resolve();
  }
  await made;
  assert.deepEqual(told, thoughts);
});
