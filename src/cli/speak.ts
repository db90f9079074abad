import { AUDIO_FORMATS, type AudioFormat } from '../audio/contract.ts';
import { openBackend, type Spoken } from './backend/backend.ts';
import { SERVER_HELP, SERVER_OPTIONS } from './backend/find-server.ts';
import { type Command, UsageError } from './command.ts';
import { parseCommand } from './settings.ts';
import { chooseOutput } from './speech-output.ts';
import { interruptible } from './terminal/interrupt.ts';
import { clock, duration, printJson, size } from './terminal/output.ts';
import { showProgress } from './terminal/progress.ts';
import { readText } from './text-input.ts';

const OPTIONS = {
  output: { type: 'string', short: 'o' },
  play: { type: 'boolean' },
  voice: { type: 'string' },
  model: { type: 'string' },
  format: { type: 'string' },
  speed: { type: 'string' },
  language: { type: 'string' },
  ssml: { type: 'boolean' },
  'input-file': { type: 'string' },
  json: { type: 'boolean' },
  ...SERVER_OPTIONS,
} as const;

export const command: Command = {
  help: `Usage: open-speech speak <text> [options]

Turns text into speech, written while it is made; - reads the text from stdin. Without -o it goes to the pipe or file that stdout leads to; on a
terminal it becomes speech.<format> in this folder, and a new name where that is taken.

  -o, --output <file>   write here; - is stdout
  --play                play it (with paplay, aplay, afplay or ffplay)
  --format <format>     ${AUDIO_FORMATS.join(', ')}; else as the file's name ends
  --voice <voice>       a voice of the model, or one of OpenAI's names
  --model <model>       see open-speech models
  --language <tag>      chooses a voice, such as de or pt-BR
  --speed <factor>      0.25 to 4
  --ssml                the text is SSML
  --input-file <file>   read the text from a file; - is stdin
  --json                say on stdout what was made
${SERVER_HELP}
Example: open-speech speak "Good morning." --voice nova -o morning.mp3
Example: cat letter.txt | open-speech speak --play
`,

  run(args) {
    const { options, positionals, loadSettings } = parseCommand(args, OPTIONS);
    const speed = options.speed === undefined ? undefined : parseSpeed(options.speed);
    const { settings } = loadSettings();
    return interruptible(async (signal) => {
      const output = chooseOutput(options, settings.ttsDefaultFormat as AudioFormat);
      const input = await readText(positionals, options['input-file'], signal);
      const startedAt = performance.now();
      const backend = await openBackend(options, settings);
      try {
        const spoken = await backend.speak({
          ...{ input, speed, signal, format: output.format },
          inputFormat: options.ssml ? 'ssml' : 'text',
          ...{ model: options.model, voice: options.voice, language: options.language },
        });
        const bytes = await deliver(spoken, output, startedAt);
        const report = {
          ...{ model: spoken.model, voice: spoken.voice, format: output.format, sampleRate: spoken.sampleRate },
          ...{ file: output.file ?? null, bytes, audioMs: rounded(spoken.audioMs()) },
          tookMs: rounded(performance.now() - startedAt),
        };
        if (options.json) printJson(report);
        else if (process.stderr.isTTY && output.file !== undefined) {
          const audio = report.audioMs === null ? '' : `${duration(report.audioMs)} of audio, `;
          const took = duration(report.tookMs!);
          process.stderr.write(`${output.file}: ${audio}${size(bytes)}, voice ${spoken.voice}, in ${took}\n`);
        }
        return 0;
      } finally {
        await backend.close();
      }
    });
  },
};

/** Writes speech to where it goes, and says on the terminal how far it is. Returns the bytes. */
async function deliver(
  spoken: Spoken,
  { target }: ReturnType<typeof chooseOutput>,
  startedAt: number,
): Promise<number> {
  let bytes = 0;
  const progress = showProgress(() => {
    const audioMs = spoken.audioMs();
    const made = audioMs === undefined ? size(bytes) : `${clock(audioMs)} of audio, ${size(bytes)}`;
    return `speaking: ${made}, ${clock(performance.now() - startedAt)}`;
  });
  try {
    for await (const chunk of spoken.bytes) {
      bytes += chunk.length;
      await target.write(chunk);
    }
    await target.finish();
    return bytes;
  } catch (error) {
    await target.abandon();
    throw error;
  } finally {
    progress.end();
  }
}

function parseSpeed(written: string): number {
  const speed = Number(written);
  if (!(speed >= 0.25 && speed <= 4)) throw new UsageError(`--speed is ${written} but must be from 0.25 to 4`);
  return speed;
}

function rounded(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(ms);
}
