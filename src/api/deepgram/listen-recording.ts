import { z } from 'zod';
import { CONTENT_TYPES } from '../../audio/formats.ts';
import { flag, text } from '../../deepgram/listen-params.ts';
import { recordedAnswer } from '../../deepgram/recorded.ts';
import { SpeechError } from '../../errors.ts';
import type { SpeechService } from '../../speech/service.ts';
import { transcribe } from '../../speech/transcribe.ts';
import type { App } from '../app.ts';
import { markProcessed } from '../headers.ts';
import { withScope } from '../policy.ts';
import { errorResponses } from '../schemas.ts';
import { cancelWhenGone } from '../stream.ts';
import type { Uploads } from '../upload.ts';
import { earOf, modelInfoOf } from './names.ts';

const RECORDING = /^(audio|video)\/|^application\/octet-stream/;

/** `POST /v1/listen`: Deepgram's way to transcribe a recording, which is the request's body. */
export function listenRecording(app: App, service: SpeechService, uploads: Uploads): void {
  const { names } = service;
  // Reaches the handler unread.
  app.addContentTypeParser(RECORDING, (_request, _payload, done) => done(null, undefined));

  app.post(
    '/v1/listen',
    {
      config: { policy: withScope('speech') },
      schema: {
        tags: ['Deepgram'],
        summary: 'Transcribe a recording, as Deepgram does',
        description:
          'The body is the recording. A JSON body with a URL is refused: this server fetches nothing for callers.',
        consumes: ['application/octet-stream', ...Object.values(CONTENT_TYPES)],
        body: z.any().meta({ type: 'string', format: 'binary', description: 'The recording.' }),
        response: {
          200: z.looseObject({ metadata: z.looseObject({}), results: z.looseObject({}) }),
          ...errorResponses,
        },
      },
    },
    async (request, reply) => {
      if (!RECORDING.test(request.headers['content-type'] ?? '')) {
        throw new SpeechError(
          'invalid_request',
          'Send the recording itself as the body, with a Content-Type of audio/*. URLs are not fetched.',
        );
      }
      const query = request.query as Record<string, unknown>;
      const model = names.model('stt', earOf(names, text(query, 'model')), text(query, 'language'));
      const diarize = flag(query, 'diarize');
      const punctuate = flag(query, 'punctuate') || flag(query, 'smart_format');
      const cancel = cancelWhenGone(reply);
      const upload = await uploads.receiveWhole(request);
      try {
        if (upload.bytes === 0) throw new SpeechError('invalid_audio', 'The recording is empty.');
        const created = new Date();
        const { segments, durationMs } = transcribe(
          service,
          {
            path: upload.path,
            model,
            ...optional('language', text(query, 'language')),
            words: true,
            task: 'transcribe',
            // A wish that no model here can fulfil is no reason to refuse the words.
            ...(punctuate && names.default('punctuation') !== undefined ? { punctuate } : {}),
            ...(diarize ? { diarize: { param: 'diarize' } } : {}),
          },
          { requestId: request.id, keyId: request.principal!.keyId, signal: cancel.signal },
        );
        const heard = await Array.fromAsync(segments);
        markProcessed(reply);
        return recordedAnswer(heard, {
          requestId: request.id,
          sha256: upload.sha256,
          created,
          durationMs: durationMs(),
          channels: 1,
          model: modelInfoOf(names, model.manifest.id),
          utterances: flag(query, 'utterances'),
          detectLanguage: flag(query, 'detect_language'),
        });
      } finally {
        await upload.discard();
      }
    },
  );
}

function optional<K extends string>(key: K, value: string | undefined): { [P in K]?: string } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: string };
}
