import { type Backend, openBackend, TRANSCRIPT_FORMATS, type TranscribeSteps } from './backend/backend.ts';
import { SERVER_HELP, SERVER_OPTIONS } from './backend/find-server.ts';
import { type Command, UsageError } from './command.ts';
import { explain } from './explain.ts';
import { openRecording } from './recording-input.ts';
import { parseCommand } from './settings.ts';
import { interruptible } from './terminal/interrupt.ts';
import { clock } from './terminal/output.ts';
import { showProgress } from './terminal/progress.ts';
import { chooseTargets, type Job } from './transcript-output.ts';

const OPTIONS = {
  output: { type: 'string', short: 'o' },
  format: { type: 'string' },
  json: { type: 'boolean' },
  model: { type: 'string' },
  language: { type: 'string' },
  denoise: { type: 'boolean' },
  diarize: { type: 'boolean' },
  speakers: { type: 'string' },
  punctuate: { type: 'boolean' },
  ...SERVER_OPTIONS,
} as const;

/** As many as the HTTP API takes. */
const MOST_SPEAKERS = 32;

export const command: Command = {
  help: `Usage: open-speech transcribe <file>… [options]

Turns recordings into text, printed while it is recognised; - reads a recording from stdin. A recording that fails is
named on stderr, the others are done all the same, and the status is 1.

  -o, --output <file>   write here; with several recordings a folder, where each gets a file of its own
  --format <format>     ${TRANSCRIPT_FORMATS.join(', ')}
  --json                the same as --format json
  --model <model>       see open-speech models
  --language <tag>      what is spoken, such as en or pt-BR
  --denoise             take out noise first
  --diarize             tell who says what, a line for each turn
  --speakers <number>   how many people speak, where that is known; with it --diarize goes without saying
  --punctuate           add punctuation marks to what the recogniser wrote
${SERVER_HELP}Each of denoise, diarize and punctuate needs a model that does it; where there is none, the refusal says how to get it.

Example: open-speech transcribe interview.mp3 --format srt -o interview.srt
Example: open-speech transcribe meeting.m4a --denoise --speakers 3 -o meeting.txt
Example: open-speech transcribe *.wav --format json
`,

  run(args) {
    const { options, positionals, loadSettings } = parseCommand(args, OPTIONS);
    if (options.json && options.format !== undefined) throw new UsageError('give --json or --format, not both');
    const format = options.format ?? (options.json ? 'json' : 'text');
    const jobs = chooseTargets(positionals, { format, output: options.output });
    const speakers = options.speakers === undefined ? undefined : parseSpeakers(options.speakers);
    // Who gives their number wants them told apart.
    const diarize = options.diarize ?? (speakers === undefined ? undefined : true);
    const wish = { ...options, speakers, diarize };
    const { settings } = loadSettings();
    return interruptible(async (signal) => {
      const backend = await openBackend(options, settings);
      let failed = 0;
      try {
        for (const job of jobs) {
          try {
            await transcribeOne(backend, job, wish, signal);
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

interface Wish extends TranscribeSteps {
  model?: string | undefined;
  language?: string | undefined;
}

async function transcribeOne(
  backend: Backend,
  { name, target, format, decorate, showsText }: Job,
  { model, language, denoise, diarize, speakers, punctuate }: Wish,
  signal: AbortSignal,
): Promise<void> {
  const recording = await openRecording(name);
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
    const steps = { denoise, diarize, speakers, punctuate };
    const text = backend.transcribe({ recording, format, model, language, ...steps, signal, onProgress });
    for await (const piece of decorate(text)) await target.write(piece);
    await target.finish();
  } catch (error) {
    await target.abandon();
    throw error;
  } finally {
    progress?.end();
    recording.end();
  }
}

function parseSpeakers(written: string): number {
  const speakers = /^\d{1,3}$/.test(written) ? Number(written) : 0;
  if (speakers >= 1 && speakers <= MOST_SPEAKERS) return speakers;
  throw new UsageError(`--speakers is ${written} but must be a whole number from 1 to ${MOST_SPEAKERS}`);
}
