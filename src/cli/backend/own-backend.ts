import { parse } from 'node:path';
import type { AudioChunk, Media } from '../../audio/contract.ts';
import type { Settings } from '../../config/kinds.ts';
import { openSpeechService, type SpeechService } from '../../speech/service.ts';
import { speak } from '../../speech/speak.ts';
import { type TranscriptSegment, transcribe } from '../../speech/transcribe.ts';
import { transcriptBody } from '../../speech/transcript-formats.ts';
import { openMetrics } from '../../telemetry/metrics.ts';
import type { Backend, SpeakOrder, Spoken, TranscribeOrder } from './backend.ts';
import { commandLog } from './command-log.ts';
import { withFile } from './spool.ts';
import { textOfSegments } from './turns.ts';

/** Whose share of the engines a command uses: there is nobody else. */
const CALLER = { requestId: 'command', keyId: 'command' };

/** Speaks and hears in this process and its engine processes, without any server. */
export class OwnBackend implements Backend {
  readonly where = 'this process';
  readonly service: SpeechService;

  private constructor(service: SpeechService) {
    this.service = service;
  }

  static async open(settings: Settings): Promise<OwnBackend> {
    const metrics = openMetrics();
    // A running server counts what lies in its cache: nobody else may add to it.
    const service = await openSpeechService({
      settings: { ...settings, ttsCacheEnabled: false },
      log: commandLog(settings),
      metrics,
      // Whoever runs a command may name any file they can read.
      recordings: [parse(process.cwd()).root],
    });
    return new OwnBackend(service);
  }

  async speak({ model: name, signal, speed, ...order }: SpeakOrder): Promise<Spoken> {
    const { service } = this;
    const model = service.names.model('tts', name, order.language);
    let made = 0;
    const media = watched(service.media, (chunk) => {
      made += (chunk.pcm.length / chunk.sampleRate) * 1000;
    });
    const request = { ...order, model, speed: speed ?? service.settings.ttsSpeed };
    const { bytes, voice, sampleRate } = await speak({ ...service, media }, request, { ...CALLER, signal });
    return { model: model.manifest.id, voice, sampleRate, bytes, audioMs: () => made };
  }

  async *transcribe({ recording, format, signal, onProgress, ...order }: TranscribeOrder): AsyncGenerator<string> {
    const { service } = this;
    const { language, denoise, diarize, speakers, punctuate } = order;
    const model = service.names.model('stt', order.model, language);
    const file = await withFile(recording, service.settings.limits.uploadBytes, signal);
    try {
      const { segments, durationMs } = transcribe(
        service,
        {
          ...{ path: file.path, model, language, denoise, punctuate },
          ...{ words: false, task: 'transcribe', diarize: diarize ? { param: 'diarize', speakers } : undefined },
        },
        { ...CALLER, signal },
      );
      const heard = told(segments, onProgress);
      if (format === 'text') {
        yield* textOfSegments(heard);
        return;
      }
      const all: TranscriptSegment[] = [];
      for await (const segment of heard) all.push(segment);
      const { body } = transcriptBody(diarize && format === 'json' ? 'diarized_json' : format, {
        segments: all,
        durationMs: durationMs(),
        language: language ?? model.manifest.languages[0]!,
        task: 'transcribe',
        words: false,
        segmentTimes: true,
      });
      yield (typeof body === 'string' ? body : JSON.stringify(body)).trimEnd();
    } finally {
      await file.discard();
    }
  }

  async close(): Promise<void> {
    await this.service.close(0);
    this.service.metrics.close();
  }
}

/** The same segments, and how far they have come. */
async function* told(
  segments: AsyncIterable<TranscriptSegment>,
  onProgress: (heardMs: number) => void,
): AsyncGenerator<TranscriptSegment> {
  for await (const segment of segments) {
    onProgress(segment.endMs);
    yield segment;
  }
}

/** The same codecs, and a look at the audio on its way to them. */
function watched(media: Media, look: (chunk: AudioChunk) => void): Media {
  return {
    decode: (path, options) => media.decode(path, options),
    encode: (chunks, options) => media.encode(passed(chunks, look), options),
    close: () => media.close(),
  };
}

async function* passed(
  chunks: AsyncIterable<AudioChunk>,
  look: (chunk: AudioChunk) => void,
): AsyncGenerator<AudioChunk> {
  for await (const chunk of chunks) {
    look(chunk);
    yield chunk;
  }
}
