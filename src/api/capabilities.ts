import { z } from 'zod';
import { AUDIO_FORMATS } from '../audio/contract.ts';
import type { Settings } from '../config/kinds.ts';
import { describeLimits } from '../config/public-limits.ts';
import type { Catalog } from '../models/catalog.ts';
import { MODEL_KINDS } from '../models/manifest.ts';
import type { Names } from '../models/names.ts';
import { helperRemedy, presentSteps } from '../speech/steps/models.ts';
import { TRANSCRIPT_FORMATS } from '../speech/transcript-formats.ts';
import type { Router } from '../workers/router.ts';
import type { App } from './app.ts';
import { withScope } from './policy.ts';
import { errorResponses } from './schemas.ts';

export interface CapabilitiesDeps {
  version: string;
  settings: Settings;
  catalog: Catalog;
  names: Names;
  router: Router;
}

const voice = z.object({
  id: z.string(),
  name: z.string(),
  language: z.string(),
  gender: z.string().optional(),
});
const range = z.object({ min: z.number(), max: z.number() }).nullable();
const capabilities = z
  .object({
    version: z.string(),
    auth: z.object({ required: z.boolean() }),
    limits: z.record(z.string(), z.object({ value: z.number(), unit: z.string(), doc: z.string() })),
    formats: z.object({ speech: z.array(z.string()), transcription: z.array(z.string()) }),
    defaults: z.object({
      tts: z.string().nullable(),
      stt: z.string().nullable(),
      voice: z.string().nullable(),
    }),
    models: z.array(
      z.object({
        id: z.string(),
        kind: z.enum(MODEL_KINDS),
        engine: z.string(),
        licence: z.string(),
        languages: z.array(z.string()),
        aliases: z.array(z.string()),
        state: z.string(),
        reason: z.string().optional(),
        remedy: z.string().optional(),
        speak: z
          .object({
            voices: z.array(voice),
            speed: range,
            pitch: range,
            phonemes: z.string().nullable(),
            instructions: z.boolean(),
            wordMarks: z.boolean(),
            sampleRate: z.int(),
          })
          .optional(),
        transcribe: z
          .object({
            languages: z.array(z.string()),
            detectsLanguage: z.boolean(),
            wordTimes: z.boolean(),
            translate: z.boolean(),
            confidence: z.boolean(),
          })
          .optional(),
        listen: z
          .object({
            languages: z.array(z.string()),
            detectsLanguage: z.boolean(),
            wordTimes: z.boolean(),
            confidence: z.boolean(),
          })
          .optional()
          .describe('What it hears while it is spoken'),
      }),
    ),
    live: z
      .object({ conversation: z.boolean() })
      .describe('Whether a language model answers in Realtime conversations'),
    steps: z
      .record(
        z.string(),
        z.object({
          available: z.boolean(),
          model: z.string().optional(),
          remedy: z.string().optional().describe('The line that gets the model'),
        }),
      )
      .describe('What a transcription may ask for besides the words'),
    notices: z.array(z.string()).describe('What the operator should know, such as how to get a missing recogniser'),
  })
  .meta({ id: 'Capabilities' });

/** `GET /v1/capabilities`: what this server can do and how much of it, as data. */
export function capabilitiesRoute(app: App, deps: CapabilitiesDeps): void {
  const { version, settings, catalog, names, router } = deps;
  app.get(
    '/v1/capabilities',
    {
      config: { policy: withScope('speech', 'models:read') },
      schema: {
        tags: ['Models'],
        summary: 'What this server can do',
        response: { 200: capabilities, ...errorResponses },
      },
    },
    () => {
      const states = new Map(router.status().models.map((status) => [status.id, status]));
      const models = catalog.list().map((model) => {
        const { manifest, capabilities: can } = model;
        const status = states.get(manifest.id);
        return {
          id: manifest.id,
          kind: manifest.kind,
          engine: manifest.engine,
          licence: manifest.licence,
          languages: manifest.languages,
          aliases: names.aliases(model),
          state: model.available ? (status?.state ?? 'available') : 'unavailable',
          reason: status?.reason ?? model.reason,
          remedy: model.remedy,
          ...(can.speak === undefined ? {} : { speak: can.speak }),
          ...(can.transcribe === undefined ? {} : { transcribe: can.transcribe }),
          ...(can.listen === undefined ? {} : { listen: can.listen }),
        };
      });
      const tts = names.default('tts');
      const steps = presentSteps(names, settings);
      const canDiarize = steps.diarization !== undefined;
      return {
        version,
        auth: { required: !settings.authDisabled },
        limits: describeLimits(settings),
        formats: {
          speech: [...AUDIO_FORMATS],
          transcription: TRANSCRIPT_FORMATS.filter((format) => format !== 'diarized_json' || canDiarize),
        },
        defaults: {
          tts: tts?.manifest.id ?? null,
          stt: names.default('stt')?.manifest.id ?? null,
          voice: tts === undefined ? null : names.voice(tts, undefined, undefined),
        },
        models,
        live: { conversation: settings.sttEnabled && settings.ttsEnabled && settings.llmUrl !== '' },
        steps: Object.fromEntries(
          STEPS.map(([step, kind]) => {
            const model = steps[kind]?.manifest.id;
            const remedy = names.default(kind) === undefined ? helperRemedy(kind) : undefined;
            return [step, { available: model !== undefined, model, remedy }];
          }),
        ),
        notices: notices(settings, catalog, names),
      } as unknown as z.infer<typeof capabilities>;
    },
  );
}

/** What `steps` calls each kind of help: a transcription's fields, and what it does by itself. */
const STEPS = [
  ['denoise', 'denoise'],
  ['diarize', 'diarization'],
  ['punctuate', 'punctuation'],
  ['voice_activity', 'vad'],
  ['identify_language', 'language-id'],
  ['end_of_turn', 'end-of-turn'],
] as const;

/** What is missing and the one line that gets it. */
export function notices(settings: Settings, catalog: Catalog, names: Names): string[] {
  const missing: string[] = [];
  for (const [kind, enabled, what] of [
    ['stt', settings.sttEnabled, 'recogniser'],
    ['tts', settings.ttsEnabled, 'voice'],
  ] as const) {
    if (!enabled || names.default(kind) !== undefined) continue;
    const packaged = catalog.list().find((model) => model.manifest.kind === kind);
    missing.push(
      `There is no ${what} yet.${packaged?.remedy === undefined ? '' : ` Get one with: ${packaged.remedy}`}`,
    );
  }
  return missing;
}
