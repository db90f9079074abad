import { z } from 'zod';
import { CONTENT_TYPES } from '../../audio/formats.ts';
import { type RawEncoding, readSpeakParams } from '../../deepgram/speak-params.ts';
import { encodeRaw } from '../../deepgram/speak-session.ts';
import type { LiveCaller } from '../../live/contract.ts';
import { openSpeaking } from '../../live/speaking.ts';
import type { SpeechService } from '../../speech/service.ts';
import { speak } from '../../speech/speak.ts';
import type { App } from '../app.ts';
import { markProcessed } from '../headers.ts';
import { withScope } from '../policy.ts';
import { errorResponses } from '../schemas.ts';
import { cancelWhenGone, sendStream } from '../stream.ts';
import { modelInfoOf, voiceOf } from './names.ts';

const RAW_TYPES: Readonly<Record<RawEncoding, string>> = {
  linear16: 'audio/l16',
  mulaw: 'audio/mulaw',
  alaw: 'audio/alaw',
};

const AUDIO = Object.fromEntries(
  [...Object.values(CONTENT_TYPES), ...Object.values(RAW_TYPES)].map((type) => [
    type,
    { schema: z.string().meta({ format: 'binary' }) },
  ]),
);

/** `POST /v1/speak`: Deepgram's way to speak a text. */
export function speakText(app: App, service: SpeechService): void {
  const { names, settings, log } = service;
  app.post(
    '/v1/speak',
    {
      config: { policy: withScope('speech') },
      schema: {
        tags: ['Deepgram'],
        summary: 'Speak text, as Deepgram does',
        body: z.object({ text: z.string({ error: 'must be the text to speak' }) }),
        response: {
          200: { description: 'Audio', content: AUDIO },
          ...errorResponses,
        },
      },
    },
    async (request, reply) => {
      const { model: name, output, speed } = readSpeakParams(request.query as Record<string, unknown>);
      const { model: id, voice } = voiceOf(names, name);
      const { text } = request.body;
      const cancel = cancelWhenGone(reply);
      const caller = { requestId: request.id, keyId: request.principal!.keyId, signal: cancel.signal };
      const model = names.model('tts', id);
      const info = modelInfoOf(names, id);
      const common = { 'cache-control': 'no-store', 'dg-model-name': info.id, 'dg-model-uuid': info.id };
      const characters = { 'dg-char-count': String([...text].length) };
      const stream = { idleMs: settings.limits.responseIdleMs, cancel, log, onFirst: () => markProcessed(reply) };
      if (output.kind === 'raw') {
        const options = { model: id, ...(voice === undefined ? {} : { voice }), speed, sampleRate: output.sampleRate };
        return await sendStream(reply, raw(service, text, options, output.encoding, caller), {
          headers: {
            ...common,
            ...characters,
            'content-type': `${RAW_TYPES[output.encoding]};rate=${output.sampleRate}`,
          },
          ...stream,
        });
      }
      const request_ = { input: text, inputFormat: 'text', model, speed, format: output.format } as const;
      const speech = await speak(service, { ...request_, ...(voice === undefined ? {} : { voice }) }, caller);
      return await sendStream(reply, speech.bytes, {
        headers: { ...common, ...characters, 'content-type': CONTENT_TYPES[output.format] },
        ...stream,
      });
    },
  );
}

async function* raw(
  service: SpeechService,
  text: string,
  options: Parameters<typeof openSpeaking>[1],
  encoding: RawEncoding,
  caller: LiveCaller,
): AsyncGenerator<Uint8Array> {
  const speaking = openSpeaking(service, options, caller);
  speaking.append(text);
  speaking.end();
  for await (const event of speaking) {
    if (event.type === 'audio') yield encodeRaw(event.pcm, encoding);
  }
}
