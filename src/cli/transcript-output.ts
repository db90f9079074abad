import { statSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { TRANSCRIPT_FORMATS, type TranscriptFormat } from './backend/backend.ts';
import { UsageError } from './command.ts';
import { FileTarget, standardOutput, type Target } from './terminal/target.ts';

/** One recording and where its transcript goes. */
export interface Job {
  /** As it was written on the command line; `-` is stdin. */
  name: string;
  format: TranscriptFormat;
  target: Target;
  /** Adds what tells several transcripts apart, and the last line end. */
  decorate: (pieces: AsyncIterable<string>) => AsyncIterable<string>;
  /** The transcript appears on the terminal while it is made. */
  showsText: boolean;
}

const ENDINGS: Readonly<Record<TranscriptFormat, string>> = {
  ...{ text: 'txt', json: 'json', srt: 'srt', vtt: 'vtt', verbose_json: 'json' },
};

/** Decides where the transcript of each recording goes. Throws UsageError where that makes no sense. */
export function chooseTargets(
  names: readonly string[],
  options: { format: string; output?: string | undefined },
): Job[] {
  const format = TRANSCRIPT_FORMATS.find((known) => known === options.format);
  if (format === undefined) {
    throw new UsageError(`there is no format '${options.format}'; there are ${TRANSCRIPT_FORMATS.join(', ')}`);
  }
  if (names.length === 0) throw new UsageError('name a recording, or - for stdin; see --help');
  if (names.filter((name) => name === '-').length > 1) throw new UsageError('stdin can be read once');
  const { output } = options;
  const several = names.length > 1;

  if (output === undefined || output === '-') {
    if (several && (format === 'srt' || format === 'vtt')) {
      throw new UsageError(`several ${format} files need a folder: name one with -o`);
    }
    const showsText = format === 'text' && process.stdout.isTTY === true;
    return names.map((name, index) => ({
      ...{ name, format, target: standardOutput, showsText },
      decorate: several ? toldApart(name, format, index === 0) : ended,
    }));
  }
  const paths = names.map((name) => (isFolder(output) ? join(output, fileName(name, format)) : output));
  if (several && !isFolder(output)) throw new UsageError(`several transcripts need a folder, and ${output} is none`);
  const twice = paths.find((path, index) => paths.indexOf(path) !== index);
  if (twice !== undefined) throw new UsageError(`two of the recordings would both become ${twice}`);
  return names.map((name, index) => ({
    ...{ name, format, target: new FileTarget(paths[index]!), showsText: false },
    decorate: ended,
  }));
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function fileName(name: string, format: TranscriptFormat): string {
  const base = name === '-' ? 'transcript' : basename(name, extname(name));
  return `${base}.${ENDINGS[format]}`;
}

async function* ended(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  yield* pieces;
  yield '\n';
}

/** Text gets a heading, as `head` and `tail` write it; JSON becomes one line with the file's name in it. */
function toldApart(name: string, format: TranscriptFormat, first: boolean): Job['decorate'] {
  if (format === 'text') {
    return async function* (pieces) {
      yield `${first ? '' : '\n'}==> ${name} <==\n`;
      yield* ended(pieces);
    };
  }
  return async function* (pieces) {
    let json = '';
    for await (const piece of pieces) json += piece;
    yield `${JSON.stringify({ file: name, ...(JSON.parse(json) as object) })}\n`;
  };
}
