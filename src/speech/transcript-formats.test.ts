import assert from 'node:assert/strict';
import { test } from 'node:test';
import { joinText, languageName, type Transcript, transcriptBody } from './transcript-formats.ts';

const transcript: Transcript = {
  segments: [
    {
      text: 'Hello there.',
      startMs: 0,
      endMs: 1234.6,
      confidence: 0.5,
      words: [{ word: ' Hello', startMs: 0, endMs: 500 }],
    },
    { text: ' ', startMs: 1300, endMs: 1400 },
    { text: 'Bye --> now.', startMs: 3_723_004, endMs: 3_724_000 },
  ],
  durationMs: 3_724_000,
  language: 'en-US',
  task: 'transcribe',
  words: true,
  segmentTimes: true,
};

test('srt numbers its cues without gaps and rounds milliseconds after a comma', () => {
  const { contentType, body } = transcriptBody('srt', transcript);
  assert.match(contentType, /^text\/plain/);
  assert.equal(
    body,
    '1\n00:00:00,000 --> 00:00:01,235\nHello there.\n\n2\n01:02:03,004 --> 01:02:04,000\nBye --> now.\n\n',
  );
});

test('vtt has its header and no arrow inside a cue', () => {
  const { body } = transcriptBody('vtt', transcript);
  assert.equal(
    body,
    'WEBVTT\n\n00:00:00.000 --> 00:00:01.235\nHello there.\n\n01:02:03.004 --> 01:02:04.000\nBye -> now.\n\n',
  );
  assert.equal(transcriptBody('vtt', { ...transcript, segments: [] }).body, 'WEBVTT\n\n');
});

test('verbose_json has all ten segment fields, the language by name and words without their space', () => {
  const body = transcriptBody('verbose_json', transcript).body as {
    language: string;
    segments: object[];
    words: object[];
  };
  assert.equal(body.language, 'english');
  assert.deepEqual(Object.keys(body.segments[0]!), [
    ...['id', 'seek', 'start', 'end', 'text', 'tokens', 'temperature', 'avg_logprob', 'compression_ratio'],
    'no_speech_prob',
  ]);
  assert.deepEqual(body.words, [{ word: 'Hello', start: 0, end: 0.5 }]);
});

test('json is the text and its usage and nothing else', () => {
  const { body } = transcriptBody('json', { ...transcript, segments: transcript.segments.slice(0, 1) });
  assert.deepEqual(body, { text: 'Hello there.', usage: { type: 'duration', seconds: 3724 } });
});

test('texts are joined by a space, but not where the script has none', () => {
  assert.equal(joinText([{ text: 'One.' }, { text: '' }, { text: 'Two.' }]), 'One. Two.');
  assert.equal(joinText([{ text: '你好。' }, { text: '再见。' }]), '你好。再见。');
});

test('languages are English names in lower case', () => {
  assert.deepEqual(['en', 'pt-BR', 'zh'].map(languageName), ['english', 'portuguese', 'chinese']);
});
