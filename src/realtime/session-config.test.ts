import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ListeningOptions } from '../live/contract.ts';
import { RealtimeProblem } from './problem.ts';
import { Driven, ears, openSession } from './testing.ts';

const transcription = (driven: Driven, wanted: object | null) =>
  driven.client({ type: 'session.update', session: { type: 'realtime', audio: { input: { transcription: wanted } } } });

test('a recogniser stays when only its language or its prompt is set, and null forgets it', () => {
  const driven = new Driven();
  transcription(driven, { model: 'ear', prompt: 'Ulm' });
  transcription(driven, { language: 'de' });
  assert.deepEqual(driven.state.session.audio.input.transcription, { language: 'de', model: 'ear' });
  transcription(driven, null);
  transcription(driven, { language: 'de' });
  assert.deepEqual(driven.state.session.audio.input.transcription, { language: 'de' });
});

test('a language that the recogniser does not know is refused, and nothing changes', () => {
  const asked: object[] = [];
  const driven = new Driven('realtime', {
    checkRecogniser(wanted, param) {
      asked.push(wanted);
      if (wanted.language === 'xx') throw new RealtimeProblem('invalid_value', 'no', `${param}.language`);
    },
  });
  transcription(driven, { model: 'ear', language: '' });
  const before = driven.state.session;
  assert.deepEqual(transcription(driven, { language: 'xx' }), ['error']);
  assert.equal((driven.sent('error').error as { param: string }).param, 'session.audio.input.transcription.language');
  assert.equal(driven.state.session, before);
  assert.deepEqual(asked, [{ model: 'ear' }, { model: 'ear', language: 'xx' }]);
});

test('what is no longer wanted of the recogniser is taken back', async () => {
  let options: Partial<ListeningOptions> = {};
  const { session } = openSession({
    openListening: async (first) => {
      options = first;
      return ears({
        change: (changed) => {
          options = { ...options, ...changed };
        },
      });
    },
    recogniser: (name) => name,
  });
  await new Promise(setImmediate);
  const update = (wanted: object | null) =>
    session.receive(
      JSON.stringify({
        type: 'session.update',
        session: { type: 'realtime', audio: { input: { transcription: wanted } } },
      }),
    );
  update({ model: 'ear', language: 'de', prompt: 'Ulm' });
  assert.deepEqual([options.model, options.language, options.prompt], ['ear', 'de', 'Ulm']);
  update(null);
  assert.deepEqual([options.model, options.language, options.prompt], [undefined, undefined, undefined]);
  session.close();
});
