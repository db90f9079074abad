import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from './command.ts';
import { parseCommand } from './settings.ts';

const OWN = { output: { type: 'string', short: 'o' }, json: { type: 'boolean' } } as const;

test('options of the command and settings come apart', () => {
  const { options, positionals, loadSettings } = parseCommand(['a', '-o', '-', '--port', '9000', '--json', 'b'], OWN);
  assert.deepEqual({ ...options }, { output: '-', json: true });
  assert.deepEqual(positionals, ['a', 'b']);
  assert.equal(loadSettings().settings.port, 9000);
});

test('an unknown option is refused with the nearest one, the command’s own before settings', () => {
  for (const [words, message] of [
    [['--jsom'], /no option --jsom; did you mean --json\?/],
    [['--prot=1'], /no option --prot; did you mean --port\?/],
    [['-z'], /no option -z; see --help/],
    [['--json=yes'], /--json/],
    [['--port'], /--port/],
  ] as const) {
    assert.throws(
      () => parseCommand(words, OWN),
      (error: Error) => error instanceof UsageError && message.test(error.message) && !error.message.includes('\n'),
    );
  }
});
