import { existsSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { extname } from 'node:path';
import { AUDIO_FORMATS, type AudioFormat } from '../audio/contract.ts';
import { UsageError } from './command.ts';
import { openPlayer } from './terminal/player.ts';
import { FileTarget, standardOutput, type Target } from './terminal/target.ts';

export interface SpeechOutput {
  format: AudioFormat;
  target: Target;
  /** The file's path, where it is one. */
  file?: string;
}

interface OutputOptions {
  output?: string | undefined;
  play?: boolean | undefined;
  format?: string | undefined;
  json?: boolean | undefined;
}

/** Endings that are not the name of their format. */
const OTHER_ENDINGS: Readonly<Record<string, AudioFormat>> = { ogg: 'opus', oga: 'opus', raw: 'pcm', mp4: 'm4a' };

/** Decides where speech goes and how it is written. Throws UsageError for a format that does not exist. */
export function chooseOutput(
  { output, play, format, json }: OutputOptions,
  defaultFormat: AudioFormat,
  terminal = process.stdout.isTTY === true,
): SpeechOutput {
  const chosen = format === undefined ? undefined : checkFormat(format);
  if (play) {
    if (output !== undefined) throw new UsageError('--play and --output exclude each other');
    if (chosen !== undefined) throw new UsageError('--play chooses the format itself');
    const player = openPlayer();
    return { format: player.format, target: player };
  }
  if (output === '-' || (output === undefined && !terminal && !json)) {
    if (json) throw new UsageError('--json and the audio cannot both go to stdout: name a file with -o');
    return { format: chosen ?? defaultFormat, target: standardOutput };
  }
  if (output === undefined) {
    const written = chosen ?? defaultFormat;
    const file = freeName('speech', written);
    return { format: written, file, target: fileTarget(file, written, true) };
  }
  const written = chosen ?? formatOf(output) ?? defaultFormat;
  return { format: written, file: output, target: fileTarget(output, written, false) };
}

function checkFormat(format: string): AudioFormat {
  if ((AUDIO_FORMATS as readonly string[]).includes(format)) return format as AudioFormat;
  throw new UsageError(`there is no format '${format}'; there are ${AUDIO_FORMATS.join(', ')}`);
}

function formatOf(path: string): AudioFormat | undefined {
  const ending = extname(path).slice(1).toLowerCase();
  if (ending === '') return undefined;
  return Object.hasOwn(OTHER_ENDINGS, ending) ? OTHER_ENDINGS[ending] : checkFormat(ending);
}

/** `speech.mp3`, `speech-2.mp3`, … */
function freeName(base: string, ending: string): string {
  for (let number = 1; ; number++) {
    const name = `${base}${number === 1 ? '' : `-${number}`}.${ending}`;
    if (!existsSync(name)) return name;
  }
}

function fileTarget(path: string, format: AudioFormat, exclusive: boolean): FileTarget {
  return new FileTarget(path, { exclusive, ...(format === 'wav' ? { atEnd: stateWavSizes } : {}) });
}

/** Positions of the two sizes in the header that our encoder writes. */
const RIFF_SIZE_AT = 4;
const DATA_SIZE_AT = 40;
const HEADER_BYTES = 44;

/** A WAV file begins with its sizes, and while it was streamed nobody knew them. */
async function stateWavSizes(handle: FileHandle, bytes: number): Promise<void> {
  if (bytes < HEADER_BYTES || bytes > 0xffff_ffff) return;
  const size = Buffer.alloc(4);
  size.writeUInt32LE(bytes - 8);
  await handle.write(size, 0, 4, RIFF_SIZE_AT);
  size.writeUInt32LE(bytes - HEADER_BYTES);
  await handle.write(size, 0, 4, DATA_SIZE_AT);
}
