import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type ErrorCode, SpeechError } from '../../errors.ts';
import type { Names } from '../../models/names.ts';
import {
  type TranscribeDeps,
  type Transcription,
  type TranscriptSegment,
  transcribe,
} from '../../speech/transcribe.ts';
import {
  languageName,
  separator,
  TRANSCRIPT_FORMATS,
  type TranscriptFormat,
  transcriptBody,
} from '../../speech/transcript-formats.ts';
import type { Log } from '../../telemetry/log.ts';
import type { App } from '../app.ts';
import { errorEvent } from '../errors.ts';
import { markProcessed } from '../headers.ts';
import { withScope } from '../policy.ts';
import { errorResponses } from '../schemas.ts';
import { cancelWhenGone, EVENT_STREAM_HEADERS, sendStream, serverEvent } from '../stream.ts';
import type { ReceivedForm, UploadedFile, Uploads } from '../upload.ts';
import { booleanField, jsonField, languageField, listField, modelField, numberField, oneOf } from './fields.ts';
import { transcription, verboseTranscription } from './transcript-schemas.ts';

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

/** The file, as the documentation shows it. It has been checked when the form was received. */
const fileField = z.any().meta({ type: 'string', format: 'binary', description: 'The recording.' });

/** `POST /v1/audio/transcriptions` and `POST /v1/audio/translations`, as OpenAI's clients use them. */
export function transcriptionRoutes(app: App, deps: TranscriptionDeps): void {
  const { settings, names, uploads, log } = deps;
  const { limits } = settings;
  if (!settings.sttEnabled) return;
  app.decorateRequest('form', null);

  /** Options may follow the file, so the whole form is read before any of them is looked at. */
  const receiveForm = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    if (!/^multipart\/form-data\b/i.test(request.headers['content-type'] ?? '')) {
      throw new SpeechError('invalid_request', 'Send the recording as multipart/form-data with a field `file`.', {
        param: 'file',
      });
    }
    const form = await uploads.receive(request);
    request.form = form;
    // Also where the client leaves, before now or before its answer is complete.
    if (reply.raw.destroyed) await form.discard();
    else reply.raw.once('close', () => void form.discard());
    request.body = { ...form.fields, file: uploadedFile(form) };
  };

  const common = {
    file: fileField,
    model: modelField.optional(),
    prompt: z.string().max(limits.promptChars, `must not be longer than ${limits.promptChars} characters`).optional(),
    temperature: numberField(0, 1).optional(),
  };
  const transcriptionBody = z.object({
    ...common,
    language: languageField.optional(),
    languages: listField(languageField).optional().describe('The first one counts.'),
    keywords: listField(z.string().max(200)).optional().describe('Words to expect; they are added to the prompt.'),
    response_format: oneOf(TRANSCRIPT_FORMATS).default('json'),
    timestamp_granularities: listField(oneOf(['word', 'segment'])).optional(),
    include: listField(oneOf(['logprobs']))
      .optional()
      .describe('Accepted; no engine of this server tells tokens apart.'),
    stream: booleanField.default(false),
    chunking_strategy: jsonField(
      z.union([
        oneOf(['auto']),
        z.object({
          type: oneOf(['server_vad']),
          threshold: numberField(0, 1).optional(),
          prefix_padding_ms: numberField(0, 60_000).optional(),
          silence_duration_ms: numberField(0, 60_000).optional(),
        }),
      ]),
    )
      .optional()
      .describe('Accepted: long recordings are always cut at pauses.'),
    known_speaker_names: listField(z.string().max(200)).optional(),
    known_speaker_references: listField(z.string()).optional(),
  });
  const translationBody = z.object({
    ...common,
    response_format: oneOf(['json', 'text', 'srt', 'verbose_json', 'vtt']).default('json'),
  });

  const schema = {
    tags: ['Transcription'],
    consumes: ['multipart/form-data'],
    response: {
      200: {
        description: 'As `response_format` says; with `stream` server-sent events',
        content: {
          'application/json': { schema: z.union([verboseTranscription, transcription]) },
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
      schema: { ...schema, summary: 'Transcribe a recording', body: transcriptionBody },
    },
    async (request, reply) => {
      const { body } = request;
      const granularities = body.timestamp_granularities;
      const format = body.response_format;
      if (format === 'diarized_json' || body.known_speaker_names !== undefined) {
        throw new SpeechError('unsupported_by_model', 'This server has no model that tells speakers apart.', {
          param: format === 'diarized_json' ? 'response_format' : 'known_speaker_names',
        });
      }
      if (granularities !== undefined && format !== 'verbose_json') {
        throw new SpeechError('invalid_request', "Word and segment times need response_format 'verbose_json'.", {
          param: 'timestamp_granularities',
        });
      }
      const model = names.model('stt', body.model);
      const language = body.language ?? body.languages?.[0];
      const prompt = [body.prompt, ...(body.keywords ?? [])].filter(Boolean).join(', ') || undefined;
      if (prompt !== undefined && prompt.length > limits.promptChars) {
        const message = `The prompt with its keywords is longer than ${limits.promptChars} characters.`;
        throw new SpeechError('invalid_request', message, { param: 'keywords' });
      }
      const words = granularities?.includes('word') ?? false;
      return await answer(request, reply, {
        format,
        stream: body.stream,
        words,
        segmentTimes: granularities?.includes('segment') ?? true,
        language: language ?? model.manifest.languages[0]!,
        work: (file, signal) =>
          transcribe(
            deps,
            {
              path: file.path,
              model,
              language,
              prompt,
              temperature: body.temperature,
              words,
              task: 'transcribe',
            },
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
      schema: { ...schema, summary: 'Transcribe a recording into English', body: translationBody },
    },
    async (request, reply) => {
      const { model, prompt, temperature, response_format: format } = request.body;
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

function uploadedFile(form: ReceivedForm): UploadedFile {
  const { file, ...others } = form.files;
  const stray = Object.keys(others)[0];
  if (stray !== undefined) {
    throw new SpeechError('invalid_request', `'${stray}' must not be a file.`, { param: stray });
  }
  if (file === undefined) {
    throw new SpeechError('invalid_request', "The field 'file' with the recording is missing.", { param: 'file' });
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
    throw ABOUT_RECORDING.has(code) ? new SpeechError(code, message, { param: 'file', detail, cause: error }) : error;
  }
}

/**
 * OpenAI's transcription stream. The deltas joined are the final text: each but the first begins with its space. With
 * `verbose_json` each delta is followed by its times, and the end names language and duration: OpenAI has these
 * events for other formats, and clients pass over what they did not ask for.
 */
async function* transcriptEvents(
  segments: AsyncIterable<TranscriptSegment>,
  durationMs: () => number,
  { format, language }: { format: TranscriptFormat; language: string },
): AsyncGenerator<string> {
  const timed = format === 'verbose_json';
  let text = '';
  let id = 0;
  let spoken: string | undefined;
  for await (const segment of segments) {
    if (segment.text === '') continue;
    const delta = separator(text, segment.text) + segment.text;
    text += delta;
    spoken ??= segment.language;
    yield serverEvent({ type: 'transcript.text.delta', delta });
    if (!timed) continue;
    const times = { id, start: Math.round(segment.startMs) / 1000, end: Math.round(segment.endMs) / 1000 };
    yield serverEvent({ type: 'transcript.text.segment', ...times, text: segment.text });
    id++;
  }
  const about = { language: languageName(spoken ?? language), duration: Math.round(durationMs()) / 1000 };
  yield serverEvent({ type: 'transcript.text.done', text, ...(timed && about) });
}
