/** `open-speech transcribe` with the steps that a transcription may ask for, through a server and without one. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { buildMarkDiarizer, spokenBy } from './models/voice-marks.ts';
import { buildWordPunctuator } from './models/word-punctuator.ts';
import { type Outcome, runCommand } from './support/cli.ts';
import { bytesOf, say } from './support/client.ts';
import { addBuilt } from './support/helper-models.ts';
import { startServer, type TestServer } from './support/server.ts';
import { samplesOf, wavFile } from './support/wav.ts';

const RATE = 24_000;
const MODELS = { TTS_MODEL: 'tone-voice', STT_MODEL: 'tone-ear' };
const TURNS = ['who are you?', 'i am bob.', 'hello bob.'];
const folder = mkdtempSync(join(tmpdir(), 'open-speech-cli-steps-'));
const talk = join(folder, 'talk.wav');
let server: TestServer;
before(async () => {
  server = await startServer({ tones: true, env: MODELS });
  // Longer than what the diarizer looks at in one piece.
  const parts: number[] = [];
  for (const [at, text] of TURNS.entries()) {
    const sound = samplesOf(await bytesOf(await say(server, { input: text, response_format: 'pcm' })));
    for (const sample of spokenBy(at % 2 === 0 ? 1 : 0, sound, RATE)) parts.push(sample);
    for (let pause = 4 * RATE; pause > 0; pause--) parts.push(0);
  }
  writeFileSync(talk, wavFile(parts));
});
after(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

const env = (): Record<string, string> => ({ HOME: folder, OS_DATA_DIR: server.dataDir, ...MODELS });
const ways: [name: string, transcribe: (...words: string[]) => Promise<Outcome>][] = [
  [
    'through a server',
    (...words) => {
      const there = { ...env(), OPEN_SPEECH_URL: server.url, OS_API_KEY: server.key };
      return runCommand(['transcribe', ...words], { env: there, cwd: folder });
    },
  ],
  ['without a server', (...words) => runCommand(['transcribe', ...words, '--local'], { env: env(), cwd: folder })],
];

function succeeded({ status, stdout, stderr }: Outcome): string {
  assert.equal(status, 0, stderr);
  return stdout.toString();
}

for (const [name, transcribe] of ways) {
  test(`a step that no model here does is refused with the line that gets one, ${name}`, async () => {
    for (const [option, id] of [
      ['--denoise', 'gtcrn'],
      ['--diarize', 'pyannote-titanet'],
      ['--speakers=2', 'pyannote-titanet'],
      ['--punctuate', 'ct-transformer-zh-en'],
    ] as const) {
      const { status, stderr } = await transcribe(talk, option);
      assert.equal(status, 1, option);
      assert.match(stderr, new RegExp(`talk\\.wav: .*Get one with: open-speech models pull ${id}\\n$`));
    }
  });
}

describe('with the models', () => {
  before(async () => {
    await addBuilt(server, 'mark-diarizer', buildMarkDiarizer);
    await addBuilt(server, 'word-punctuator', buildWordPunctuator);
  });

  for (const [name, transcribe] of ways) {
    test(`speakers are told apart, a line for each turn, ${name}`, async () => {
      const lettered = `A: ${TURNS[0]}\nB: ${TURNS[1]}\nA: ${TURNS[2]}\n`;
      assert.equal(succeeded(await transcribe(talk, '--diarize')), lettered);
      const { segments } = JSON.parse(succeeded(await transcribe(talk, '--diarize', '--format', 'json')));
      assert.deepEqual(
        segments.map(({ speaker, text }: { speaker: string; text: string }) => [speaker, text]),
        TURNS.map((text, at) => [at % 2 === 0 ? 'A' : 'B', text]),
      );
      assert.match(succeeded(await transcribe(talk, '--diarize', '--format', 'vtt')), /\n<v B>i am bob\.\n/);
      const alone = succeeded(await transcribe(talk, '--speakers', '1'));
      assert.match(alone, /^A: [^\n]*\n$/);
    });

    test(`punctuation marks are added, ${name}`, async () => {
      const plain = join(folder, 'plain.wav');
      const sound = samplesOf(await bytesOf(await say(server, { input: 'how are you', response_format: 'pcm' })));
      writeFileSync(plain, wavFile([...sound, ...new Float32Array(RATE)]));
      assert.equal(succeeded(await transcribe(plain)), 'how are you\n');
      assert.match(succeeded(await transcribe(plain, '--punctuate')), /[?.]\n$/);
    });
  }
});

test('a number of speakers that cannot be is refused before anything is read', async () => {
  for (const number of ['0', '33', '1.5', 'two']) {
    const { status, stderr } = await runCommand(['transcribe', 'none.wav', '--speakers', number], { env: env() });
    assert.equal(status, 2, number);
    assert.match(stderr, /--speakers is .* but must be a whole number from 1 to 32/);
  }
});
