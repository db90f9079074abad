import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadSettings } from '../config/load.ts';
import { SpeechError } from '../errors.ts';
import type { CatalogModel } from '../models/catalog.ts';
import { type TurnJudgeDeps, turnJudge } from './turn-judge.ts';

const model = { manifest: { id: 'turns' }, capabilities: { judgeTurn: true } } as unknown as CatalogModel;
const caller = { requestId: 'r', keyId: 'k', signal: new AbortController().signal };

/** A judge whose model answers as the test says; what it was asked, and the lines of the log. */
function judging(answer: () => number, { state = 'loaded', models = [model] } = {}) {
  const asked: { samples: number; timeoutMs: number }[] = [];
  const lines: unknown[] = [];
  const deps = {
    router: {
      status: () => ({ models: [{ id: 'turns', state }] }),
      async *call(_operation: string, _model: string, request: { pcm: Float32Array }, context: { timeoutMs: number }) {
        asked.push({ samples: request.pcm.length, timeoutMs: context.timeoutMs });
        yield { ended: answer() };
      },
    },
    names: { default: (kind: string) => (kind === 'end-of-turn' ? models[0] : undefined) },
    settings: loadSettings({ env: {} }).settings,
    log: { info: (...line: unknown[]) => lines.push(line) },
  } as unknown as TurnJudgeDeps;
  return { judge: turnJudge(deps, caller), asked, lines, deps };
}

const pcm = new Float32Array(1600);

test('a turn is over from a chance of one half on', async () => {
  for (const [chance, ended] of [
    [0, false],
    [0.49, false],
    [0.5, true],
    [1, true],
  ] as const) {
    assert.equal(await judging(() => chance).judge!(pcm), ended);
  }
});

test('an answer that takes longer than a second, or that fails, is none, and the log says so', async () => {
  const { judge, asked, lines } = judging(() => {
    throw new SpeechError('deadline_exceeded', 'Too late.');
  });
  assert.equal(await judge!(pcm), undefined);
  assert.deepEqual(asked, [{ samples: 1600, timeoutMs: 1000 }]);
  assert.match(JSON.stringify(lines), /deadline_exceeded/);
});

test('a model that is not in memory is loaded before the first pause, with the time that loading may take', () => {
  const { asked, deps } = judging(() => 0, { state: 'available' });
  assert.deepEqual(asked, [{ samples: 0, timeoutMs: deps.settings.limits.modelLoadMs }]);
  assert.deepEqual(judging(() => 0).asked, []);
});

test('without a model nobody is asked', () => {
  assert.equal(judging(() => 0, { models: [] }).judge, undefined);
});
