import assert from 'node:assert/strict';
import { test } from 'node:test';
import { textOfSegments } from './turns.ts';

async function textOf(...given: { text: string; speaker?: string }[]): Promise<string> {
  const segments = async function* () {
    yield* given;
  };
  let text = '';
  for await (const piece of textOfSegments(segments())) text += piece;
  return text;
}

test('a transcript is one paragraph, with a space between its parts where the script has spaces', async () => {
  assert.equal(await textOf({ text: 'Hello.' }, { text: '' }, { text: 'Are you there?' }), 'Hello. Are you there?');
  assert.equal(await textOf({ text: '你好。' }, { text: '你好。' }), '你好。你好。');
});

test('where speakers are told apart, each turn is a line with its speaker', async () => {
  const [a, b] = [{ speaker: 'A' }, { speaker: 'B' }];
  assert.equal(
    await textOf(
      { ...a, text: 'Hello.' },
      { ...a, text: 'Who is there?' },
      { ...b, text: 'Me.' },
      { ...a, text: 'Ah.' },
    ),
    'A: Hello. Who is there?\nB: Me.\nA: Ah.',
  );
});
