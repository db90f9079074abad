import type { AudioFormat } from '../../audio/contract.ts';
import type { Settings } from '../../config/kinds.ts';
import { findServer, type ServerChoice } from './find-server.ts';

/** Transcripts as people ask for them. */
export const TRANSCRIPT_FORMATS = ['text', 'json', 'srt', 'vtt', 'verbose_json'] as const;
export type TranscriptFormat = (typeof TRANSCRIPT_FORMATS)[number];

export interface SpeakOrder {
  input: string;
  inputFormat: 'text' | 'ssml';
  format: AudioFormat;
  /** As the user named them; the server's or the settings' own where undefined. */
  model?: string | undefined;
  voice?: string | undefined;
  language?: string | undefined;
  speed?: number | undefined;
  signal: AbortSignal;
}

export interface Spoken {
  model: string;
  voice: string;
  sampleRate: number;
  /** One file in the asked format, in pieces as they are made. */
  bytes: AsyncIterable<Uint8Array>;
  /** Audio made so far, in ms; undefined where nobody knows. */
  audioMs: () => number | undefined;
}

export interface TranscribeOrder extends TranscribeSteps {
  recording: Recording;
  format: TranscriptFormat;
  model?: string | undefined;
  language?: string | undefined;
  signal: AbortSignal;
  /** How much of the recording has been read, in ms, where that is known. */
  onProgress: (heardMs: number) => void;
}

/** What is done besides finding the words, each by a model of its own. Undefined where the user does not say. */
export interface TranscribeSteps {
  denoise?: boolean | undefined;
  /** Says who says what: a paragraph for each turn in text, a speaker for each segment in JSON. */
  diarize?: boolean | undefined;
  /** How many people speak, where the user knows. Only with `diarize`. */
  speakers?: number | undefined;
  punctuate?: boolean | undefined;
}

/** A recording on disk, or one that comes on a stream and can be read once. */
export interface Recording {
  name: string;
  path?: string;
  stream?: AsyncIterable<Uint8Array>;
}

/** Who does the work for a command: a server, or this process. */
export interface Backend {
  /** For people: the server's address, or that there is none. */
  where: string;
  speak(order: SpeakOrder): Promise<Spoken>;
  /** The transcript in the asked format, in pieces as they become known, without a line end at its end. */
  transcribe(order: TranscribeOrder): AsyncIterable<string>;
  close(): Promise<void>;
}

/** Uses a server where there is one to use, else does the work here. */
export async function openBackend(choice: ServerChoice, settings: Settings): Promise<Backend> {
  const server = await findServer(choice, settings);
  if (server !== undefined) {
    const { ServerBackend } = await import('./server-backend.ts');
    return new ServerBackend(server, settings.limits.requestTimeoutMs);
  }
  const { OwnBackend } = await import('./own-backend.ts');
  return await OwnBackend.open(settings);
}
