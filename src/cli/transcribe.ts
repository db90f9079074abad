import { type Backend, openBackend, type Recording, TRANSCRIPT_FORMATS } from './backend/backend.ts';
import { SERVER_HELP, SERVER_OPTIONS } from './backend/find-server.ts';
import type { Command } from './command.ts';
import { explain } from './explain.ts';
import { parseCommand } from './settings.ts';
import { interruptible } from './terminal/interrupt.ts';
import { clock } from './terminal/output.ts';
import { showProgress } from './terminal/progress.ts';
import { chooseTargets, type Job } from './transcript-output.ts';

const OPTIONS = {
  output: { type: 'string', short: 'o' },
  format: { type: 'string', default: 'text' },
  model: { type: 'string' },
  language: { type: 'string' },
  ...SERVER_OPTIONS,
} as const;

export const command: Command = {
  help: `Usage: open-speech transcribe <file>… [options]

Turns recordings into text, printed while it is recognised; - reads a recording from stdin. A recording that fails is
named on stderr, the others are done all the same, and the status is 1.

  -o, --output <file>   write here; with several recordings a folder, where each gets a file of its own
  --format <format>     ${TRANSCRIPT_FORMATS.join(', ')}
  --model <model>       see open-speech models
  --language <tag>      what is spoken, such as en or pt-BR
${SERVER_HELP}
Example: open-speech transcribe interview.mp3 --format srt -o interview.srt
Example: open-speech transcribe *.wav --format json
`,

  run(args) {
    const { options, positionals, loadSettings } = parseCommand(args, OPTIONS);
    const jobs = chooseTargets(positionals, options);
    const { settings } = loadSettings();
    return interruptible(async (signal) => {
      const backend = await openBackend(options, settings);
      let failed = 0;
      try {
        for (const job of jobs) {
          try {
            await transcribeOne(backend, job, options, signal);
          } catch (error) {
            signal.throwIfAborted();
            process.stderr.write(`open-speech transcribe: ${job.name}: ${explain(error).message}\n`);
            failed++;
          }
        }
      } finally {
        await backend.close();
      }
      return failed === 0 ? 0 : 1;
    });
  },
};

async function transcribeOne(
  backend: Backend,
  { name, target, format, decorate, showsText }: Job,
  { model, language }: { model?: string | undefined; language?: string | undefined },
  signal: AbortSignal,
): Promise<void> {
  const recording: Recording = name === '-' ? { name: 'recording', stream: process.stdin } : { name, path: name };
  const startedAt = performance.now();
  let heard = 0;
  // The text itself is the progress where it appears on the terminal.
  const progress = showsText
    ? undefined
    : showProgress(() => {
        const part = heard === 0 ? 'listening' : `${clock(heard)} heard`;
        return `${name}: ${part}, ${clock(performance.now() - startedAt)}`;
      });
  try {
    const onProgress = (heardMs: number): void => {
      heard = heardMs;
    };
    const text = backend.transcribe({ recording, format, model, language, signal, onProgress });
    for await (const piece of decorate(text)) await target.write(piece);
    await target.finish();
  } catch (error) {
    await target.abandon();
    throw error;
  } finally {
    progress?.end();
    // Where the recording was refused there may be more of it, for which nobody waits.
    if (recording.stream !== undefined) process.stdin.destroy();
  }
}
