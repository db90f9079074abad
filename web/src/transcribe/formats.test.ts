import assert from 'node:assert/strict';
import { test } from 'node:test';
import { transcriptFormats, usableFormats } from './formats.ts';
import type { Transcript } from './transcript.ts';

const transcript: Transcript = {
  text: ' One two. Three & <four>. ',
  segments: [
    { start: 0, end: 1.5, text: 'One two.' },
    { start: 1.5, end: 2, text: ' ' },
    { start: 3600, end: 3601.25, text: 'Three &\n\n<four>.' },
  ],
  model: 'm',
  language: 'english',
  duration: 3602,
};

test('text is the words and a newline', () => {
  assert.equal(transcriptFormats.text.write(transcript), 'One two. Three & <four>.\n');
});

test('SubRip numbers its cues without gaps and leaves silence out', () => {
  assert.equal(
    transcriptFormats.srt.write(transcript),
    '1\n00:00:00,000 --> 00:00:01,500\nOne two.\n\n2\n01:00:00,000 --> 01:00:01,250\nThree & <four>.\n',
  );
});

test('WebVTT escapes what would be markup', () => {
  assert.equal(
    transcriptFormats.vtt.write(transcript),
    'WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nOne two.\n\n01:00:00.000 --> 01:00:01.250\nThree &amp; &lt;four&gt;.\n',
  );
});

test('JSON comes with the names that the API gives its fields', () => {
  assert.deepEqual(JSON.parse(transcriptFormats.json.write(transcript)), { text: 'One two. Three & <four>.' });
  const verbose = JSON.parse(transcriptFormats.verbose_json.write(transcript));
  assert.deepEqual([verbose.task, verbose.language, verbose.duration], ['transcribe', 'english', 3602]);
  assert.deepEqual(verbose.segments[0], { id: 0, start: 0, end: 1.5, text: 'One two.' });
});

test('forms that need times are offered only when there are some', () => {
  assert.deepEqual(usableFormats(transcript), ['text', 'srt', 'vtt', 'json', 'verbose_json']);
  assert.deepEqual(usableFormats({ ...transcript, segments: [] }), ['text', 'json']);
});
