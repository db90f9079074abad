import assert from 'node:assert/strict';
import { test } from 'node:test';
import { showProgress } from './progress.ts';

function terminal(isTTY: boolean): { stream: NodeJS.WriteStream; written: () => string } {
  let text = '';
  const write = (data: string): void => {
    text += data;
  };
  const stream = { isTTY, columns: 20, write };
  return { stream: stream as unknown as NodeJS.WriteStream, written: () => text };
}

test('long work keeps one line, cut to the terminal, and removes it at its end', async (t) => {
  const { stream, written } = terminal(true);
  t.mock.timers.enable({ apis: ['setInterval'] });
  let now = 0;
  t.mock.method(performance, 'now', () => now);
  const progress = showProgress(() => 'working on something long', stream);
  now = 1000;
  t.mock.timers.tick(200);
  assert.equal(written(), '\r\u001b[2Kworking on somethin');
  progress.end();
  assert.ok(written().endsWith('\r\u001b[2K'));
});

test('short work, and work without a terminal, show nothing', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  for (const isTTY of [true, false]) {
    const { stream, written } = terminal(isTTY);
    const progress = showProgress(() => 'working', stream);
    t.mock.timers.tick(isTTY ? 200 : 10_000);
    progress.end();
    assert.equal(written(), '');
  }
});
