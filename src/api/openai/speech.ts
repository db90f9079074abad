import { z } from 'zod';
import { AUDIO_FORMATS } from '../../audio/contract.ts';
import { CONTENT_TYPES } from '../../audio/formats.ts';
import { SpeechError } from '../../errors.ts';
import type { CatalogModel } from '../../models/catalog.ts';
import { type SpeakDeps, type Speech, speak } from '../../speech/speak.ts';
import type { Log } from '../../telemetry/log.ts';
import type { App } from '../app.ts';
import { errorEvent } from '../errors.ts';
import { elapsedMs, markProcessed } from '../headers.ts';
import { withScope } from '../policy.ts';
import { errorResponses } from '../schemas.ts';
import { cancelWhenGone, EVENT_STREAM_HEADERS, sendStream, serverEvent } from '../stream.ts';
import { languageField, modelField, oneOf, withoutNulls } from './fields.ts';

/** `POST /v1/audio/speech`, as OpenAI's clients use it. */
export function speechRoute(app: App, deps: SpeakDeps & { log: Log }): void {
  const { settings, names, metrics, log } = deps;
  const { limits } = settings;
  if (!settings.ttsEnabled) return;

  const fields = z.object({
    model: modelField.optional(),
    input: z.string({ error: 'must be the text to speak' }),
    voice: z
      .union([z.string().max(200), z.object({ id: z.string().min(1).max(200) })], {
        error: 'must be a voice, or an object with its id',
      })
      .optional()
      .describe("A voice of the model (`GET /v1/audio/voices`), one of OpenAI's names, or `{id}`."),
    instructions: z
      .string()
      .max(limits.instructionsChars, `must not be longer than ${limits.instructionsChars} characters`)
      .optional(),
    response_format: oneOf(AUDIO_FORMATS).default(settings.ttsDefaultFormat),
    speed: z
      .number({ error: 'must be a number from 0.25 to 4' })
      .min(0.25, 'must be at least 0.25')
      .max(4, 'must be at most 4')
      .default(settings.ttsSpeed),
    stream_format: oneOf(['audio', 'sse']).default('audio'),
    input_type: oneOf(['text', 'ssml']).default('text').describe("How `input` is written. Not part of OpenAI's API."),
    language: languageField
      .optional()
      .describe("Chooses among voices where `voice` is one of OpenAI's names. Not part of OpenAI's API."),
    timestamp_granularities: z
      .array(oneOf(['word']))
      .max(1)
      .optional()
      .describe(
        'With `stream_format: "sse"`: also send `speech.audio.word` and `speech.audio.mark` events. Not part of OpenAI\'s API.',
      ),
  });

  app.post(
    '/v1/audio/speech',
    {
      config: { policy: withScope('speech') },
      schema: {
        tags: ['Speech'],
        summary: 'Speak text',
        description:
          'Answers with audio while it is being made: the first sentence leaves as soon as it exists. With `stream_format: "sse"` the same bytes come as base64 in `speech.audio.delta` events.',
        body: withoutNulls(fields),
        response: {
          200: {
            description: 'One file in the asked format',
            content: {
              ...Object.fromEntries(
                Object.values(CONTENT_TYPES).map((type) => [type, { schema: z.string().meta({ format: 'binary' }) }]),
              ),
              'text/event-stream': { schema: z.string() },
            },
          },
          ...errorResponses,
        },
      },
    },
    async (request, reply) => {
      const { input, voice, instructions, response_format: format, stream_format, language, speed } = request.body;
      const cancel = cancelWhenGone(reply);
      const model = names.model('tts', request.body.model, language);
      const sse = stream_format === 'sse';
      const timings = request.body.timestamp_granularities !== undefined;
      if (timings) requireTimings(model, sse);
      const speech = await speak(
        deps.cache !== undefined && timings ? { ...deps, cache: undefined } : deps,
        {
          input,
          inputFormat: request.body.input_type,
          model,
          voice: typeof voice === 'object' ? voice.id : voice || undefined,
          language,
          speed,
          instructions,
          format,
        },
        { requestId: request.id, keyId: request.principal!.keyId, signal: cancel.signal },
      );
      return await sendStream(reply, sse ? speechEvents(speech, timings) : speech.bytes, {
        headers: {
          ...(sse ? EVENT_STREAM_HEADERS : { 'content-type': CONTENT_TYPES[format], 'cache-control': 'no-store' }),
          'x-model': model.manifest.id,
          'x-voice-id': speech.voice,
          'x-sample-rate': String(speech.sampleRate),
          ...(speech.cached ? { 'x-cache': 'HIT' } : {}),
        },
        idleMs: limits.responseIdleMs,
        cancel,
        log,
        ...(sse ? { lastWords: errorEvent } : {}),
        onFirst: () => {
          markProcessed(reply);
          metrics.firstAudioSent({ model: model.manifest.id, durationMs: elapsedMs(request) });
        },
      });
    },
  );
}

function requireTimings({ manifest, capabilities }: CatalogModel, sse: boolean): void {
  const param = 'timestamp_granularities';
  if (!sse) throw new SpeechError('invalid_request', "Word times need stream_format 'sse'.", { param });
  if (capabilities.speak!.wordMarks) return;
  throw new SpeechError('unsupported_by_model', `The model '${manifest.id}' does not tell word times.`, { param });
}

async function* speechEvents(speech: Speech, timings: boolean): AsyncGenerator<string> {
  for await (const bytes of speech.bytes) {
    if (timings) yield* timingEvents(speech);
    yield serverEvent({ type: 'speech.audio.delta', audio: Buffer.from(bytes).toString('base64') });
  }
  if (timings) yield* timingEvents(speech);
  // There are no tokens here; characters are what a caller can be billed by or compare.
  const usage = { input_tokens: speech.characters, output_tokens: 0, total_tokens: speech.characters };
  yield serverEvent({ type: 'speech.audio.done', usage });
}

function* timingEvents(speech: Speech): Generator<string> {
  for (const timing of speech.takeTimings()) {
    if (timing.kind === 'word') {
      const { from, to, startMs, endMs } = timing;
      yield serverEvent({ type: 'speech.audio.word', from, to, start: seconds(startMs), end: seconds(endMs) });
    } else yield serverEvent({ type: 'speech.audio.mark', name: timing.name, at: seconds(timing.atMs) });
  }
}

function seconds(ms: number): number {
  return Math.round(ms) / 1000;
}
