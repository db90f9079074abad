import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type ErrorCode, SpeechError } from '../../errors.ts';
import type { Names } from '../../models/names.ts';
import {
  modelsFor,
  type TranscribeDeps,
  type Transcription,
  type TranscriptSegment,
  transcribe,
} from '../../speech/transcribe.ts';
import { type TranscriptFormat, transcriptBody } from '../../speech/transcript-formats.ts';
import type { Log } from '../../telemetry/log.ts';
import type { App } from '../app.ts';
import { errorEvent } from '../errors.ts';
import { markProcessed } from '../headers.ts';
import { withScope } from '../policy.ts';
import { errorResponses } from '../schemas.ts';
import { cancelWhenGone, EVENT_STREAM_HEADERS, sendStream } from '../stream.ts';
import type { ReceivedForm, UploadedFile, Uploads } from '../upload.ts';
import { knownSpeakers, REFERENCES } from './speaker-references.ts';
import { transcriptEvents } from './transcript-events.ts';
import { diarizedTranscription, transcription, verboseTranscription } from './transcript-schemas.ts';
import { type TranscriptionForm, transcriptionForms, transcriptionQuery } from './transcription-form.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** What a multipart request sent; removed when the request is over. */
    form: ReceivedForm | null;
  }
}

export interface TranscriptionDeps extends TranscribeDeps {
  log: Log;
  names: Names;
  uploads: Uploads;
}

const ABOUT_RECORDING: ReadonlySet<ErrorCode> = new Set(['invalid_audio', 'unsupported_audio', 'audio_too_long']);

/** `POST /v1/audio/transcriptions` and `POST /v1/audio/translations`, as OpenAI's clients use them. */
export function transcriptionRoutes(app: App, deps: TranscriptionDeps): void {
  const { settings, names, uploads, log } = deps;
  const { limits } = settings;
  if (!settings.sttEnabled) return;
  app.decorateRequest('form', null);

  const large = { [REFERENCES]: { bytes: limits.speakerReferenceBytes, most: 4 } };
  /** Options may follow the file, so the whole form is read before any of them is looked at. */
  const receiveForm = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    if (!/^multipart\/form-data\b/i.test(request.headers['content-type'] ?? '')) {
      throw new SpeechError('invalid_request', 'Send the recording as multipart/form-data with a field `file`.', {
        param: 'file',
      });
    }
    const form = await uploads.receive(request, large);
    request.form = form;
    // Also where the client leaves, before now or before its answer is complete.
    if (reply.raw.destroyed) await form.discard();
    else reply.raw.once('close', () => void form.discard());
    request.body = { ...form.fields, file: uploadedFile(form) };
  };

  const forms = transcriptionForms(limits);
  const schema = {
    tags: ['Transcription'],
    consumes: ['multipart/form-data'],
    response: {
      200: {
        description: 'As `response_format` says; with `stream` server-sent events',
        content: {
          'application/json': { schema: z.union([verboseTranscription, diarizedTranscription, transcription]) },
          'text/plain': { schema: z.string() },
          'text/vtt': { schema: z.string() },
          'text/event-stream': { schema: z.string() },
        },
      },
      ...errorResponses,
    },
  };

  app.post(
    '/v1/audio/transcriptions',
    {
      config: { policy: withScope('speech') },
      preValidation: receiveForm,
      schema: {
        ...schema,
        summary: 'Transcribe a recording',
        body: forms.transcription,
        querystring: transcriptionQuery,
      },
    },
    async (request, reply) => {
      const { body } = request;
      const granularities = body.timestamp_granularities;
      const diarize = diarizeParam(body, request.query.diarize);
      const format = diarize !== undefined && body.response_format === 'json' ? 'diarized_json' : body.response_format;
      if (granularities !== undefined && format !== 'verbose_json') {
        throw new SpeechError('invalid_request', "Word and segment times need response_format 'verbose_json'.", {
          param: 'timestamp_granularities',
        });
      }
      const language = body.language ?? body.languages?.[0];
      const model = names.model('stt', body.model, language);
      const prompt = [body.prompt, ...(body.keywords ?? [])].filter(Boolean).join(', ') || undefined;
      if (prompt !== undefined && prompt.length > limits.promptChars) {
        const message = `The prompt with its keywords is longer than ${limits.promptChars} characters.`;
        throw new SpeechError('invalid_request', message, { param: 'keywords' });
      }
      const words = granularities?.includes('word') ?? false;
      const { temperature, denoise, punctuate, num_speakers: speakers } = body;
      const wish = diarize === undefined ? undefined : { param: diarize, speakers };
      const task = 'transcribe' as const;
      const wanted = { model, language, prompt, temperature, words, task, denoise, punctuate, diarize: wish };
      modelsFor(deps, wanted);
      const known = await knownSpeakers(body, request.form!);
      return await answer(request, reply, {
        format,
        stream: body.stream,
        words,
        segmentTimes: granularities?.includes('segment') ?? true,
        language: language ?? model.manifest.languages[0]!,
        work: (file, signal) =>
          transcribe(
            deps,
            { ...wanted, path: file.path, diarize: wish && { ...wish, known } },
            { requestId: request.id, keyId: request.principal!.keyId, signal },
          ),
      });
    },
  );

  app.post(
    '/v1/audio/translations',
    {
      config: { policy: withScope('speech') },
      preValidation: receiveForm,
      schema: { ...schema, summary: 'Transcribe a recording into English', body: forms.translation },
    },
    async (request, reply) => {
      const { model, prompt, temperature, denoise, response_format: format } = request.body;
      return await answer(request, reply, {
        format,
        stream: false,
        words: false,
        segmentTimes: true,
        language: 'en',
        task: 'translate',
        work: (file, signal) =>
          transcribe(
            deps,
            {
              path: file.path,
              model: names.model('stt', model),
              prompt,
              temperature,
              words: false,
              denoise,
              task: 'translate',
            },
            { requestId: request.id, keyId: request.principal!.keyId, signal },
          ),
      });
    },
  );

  interface Work {
    format: TranscriptFormat;
    stream: boolean;
    words: boolean;
    segmentTimes: boolean;
    language: string;
    task?: 'translate';
    work: (file: UploadedFile, signal: AbortSignal) => Transcription;
  }

  async function answer(request: FastifyRequest, reply: FastifyReply, work: Work): Promise<FastifyReply> {
    const file = request.form!.files.file!;
    const cancel = cancelWhenGone(reply);
    const { segments: heard, durationMs } = work.work(file, cancel.signal);
    const found = blameFile(heard);
    if (work.stream) {
      return await sendStream(reply, transcriptEvents(found, durationMs, work), {
        headers: EVENT_STREAM_HEADERS,
        idleMs: limits.responseIdleMs,
        cancel,
        log,
        lastWords: errorEvent,
        onFirst: () => markProcessed(reply),
      });
    }
    const segments = [];
    for await (const segment of found) segments.push(segment);
    const { contentType, body } = transcriptBody(work.format, {
      segments,
      durationMs: durationMs(),
      task: work.task ?? 'transcribe',
      words: work.words,
      segmentTimes: work.segmentTimes,
      language: work.language,
    });
    markProcessed(reply);
    return reply.type(contentType).send(body);
  }
}

/** The field that asks for speakers to be told apart, if any does. */
function diarizeParam(body: TranscriptionForm, query = false): string | undefined {
  if (body.response_format === 'diarized_json') return 'response_format';
  if (body.diarize || query) return 'diarize';
  if (body.known_speaker_names !== undefined) return 'known_speaker_names';
  if (body.known_speaker_references !== undefined) return REFERENCES;
  return body.num_speakers === undefined ? undefined : 'num_speakers';
}

function uploadedFile(form: ReceivedForm): UploadedFile {
  const { file, ...others } = form.files;
  const stray = Object.keys(others)[0];
  if (stray !== undefined) {
    throw new SpeechError('invalid_request', `'${stray}' must not be a file.`, { param: stray });
  }
  if (file === undefined) {
    const message =
      form.fields.file === undefined
        ? "The field 'file' with the recording is missing."
        : "The field 'file' has no file name, so it is text and no recording. With curl it is -F file=@speech.wav.";
    throw new SpeechError('invalid_request', message, { param: 'file' });
  }
  if (file.bytes === 0) throw new SpeechError('invalid_audio', 'The file is empty.', { param: 'file' });
  return file;
}

/** Codecs know no form: what they say about a recording is about the field that carried it. */
async function* blameFile(segments: AsyncIterable<TranscriptSegment>): AsyncGenerator<TranscriptSegment> {
  try {
    yield* segments;
  } catch (thrown) {
    const error = SpeechError.from(thrown);
    const { code, message, detail } = error;
    throw ABOUT_RECORDING.has(code) && error.param === null
      ? new SpeechError(code, message, { param: 'file', detail, cause: error })
      : error;
  }
}
