import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { UsageError } from './command.ts';
import type { FileTarget } from './terminal/target.ts';
import { chooseTargets, type Job } from './transcript-output.ts';

const folder = mkdtempSync(join(tmpdir(), 'open-speech-transcripts-'));
after(() => rmSync(folder, { recursive: true }));

async function written({ decorate }: Job, ...pieces: string[]): Promise<string> {
  let text = '';
  const given = async function* (): AsyncGenerator<string> {
    yield* pieces;
  };
  for await (const piece of decorate(given())) text += piece;
  return text;
}

test('one transcript stands alone and ends its line', async () => {
  const [job] = chooseTargets(['a.wav'], { format: 'text' });
  assert.equal(await written(job!, 'Hello', ' there.'), 'Hello there.\n');
});

test('several texts have headings, several JSON answers a line each with the file’s name', async () => {
  const texts = chooseTargets(['a.wav', 'b.wav'], { format: 'text' });
  assert.equal(await written(texts[0]!, 'One.'), '==> a.wav <==\nOne.\n');
  assert.equal(await written(texts[1]!, 'Two.'), '\n==> b.wav <==\nTwo.\n');
  const [json] = chooseTargets(['a.wav', 'b.wav'], { format: 'json' });
  assert.equal(await written(json!, '{"text":', '"One."}'), '{"file":"a.wav","text":"One."}\n');
});

test('a folder gets a file for each recording', () => {
  const paths = chooseTargets(['x/a.wav', 'b.mp3', '-'], { format: 'verbose_json', output: folder }).map(
    ({ target }) => (target as FileTarget).path,
  );
  assert.deepEqual(paths, [join(folder, 'a.json'), join(folder, 'b.json'), join(folder, 'transcript.json')]);
});

test('what makes no sense is refused before any work', () => {
  for (const [names, options] of [
    [[], { format: 'text' }],
    [['a.wav'], { format: 'docx' }],
    [['-', '-'], { format: 'text' }],
    [['a.wav', 'b.wav'], { format: 'srt' }],
    [['a.wav', 'b.wav'], { format: 'text', output: 'one.txt' }],
    [['x/a.wav', 'y/a.wav'], { format: 'text', output: folder }],
  ] as const) {
    assert.throws(() => chooseTargets(names, options), UsageError, names.join());
  }
});
