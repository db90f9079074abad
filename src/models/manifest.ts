import { z } from 'zod';

const LANGUAGE = /^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/;
const relativePath = z
  .string()
  .min(1)
  .max(255)
  .refine((p) => !p.startsWith('/') && !p.includes('\\') && !p.includes('\0') && !p.includes(':'), 'must be relative')
  .refine((p) => p.split('/').every((part) => part !== '' && part !== '.' && part !== '..'), 'must stay inside');

/** One file of a model: where it lies inside the model's folder and what its bytes must be. */
export const modelFileSchema = z.strictObject({
  path: relativePath,
  url: z.url().optional(),
  bytes: z.int().positive(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

export const voiceSchema = z.strictObject({
  /** What callers name. */
  id: z.string().min(1).max(128),
  name: z.string().max(128),
  /** BCP 47. */
  language: z.string().regex(LANGUAGE),
  gender: z.enum(['female', 'male', 'neutral']).optional(),
  /** The engine's own handle for this voice, for example a speaker number. */
  speaker: z.union([z.string(), z.int().nonnegative()]).optional(),
});

/**
 * A model that an engine can open. The catalogue ships manifests; an operator may add more. Callers name a
 * manifest's `id` or one of its `aliases`, never a path, URL or repository.
 */
export const modelManifestSchema = z.strictObject({
  id: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,127}$/),
  kind: z.enum(['tts', 'stt']),
  /** The engine that opens it: a folder name under `engines/`. */
  engine: z.string().regex(/^[a-z0-9-]{1,32}$/),
  /** Which loader inside the engine, for example `vits`, `whisper`, `zipformer-ctc`. */
  family: z.string().regex(/^[a-z0-9-]{1,48}$/),
  /** Empty for engines that carry their data inside their package. */
  files: z.array(modelFileSchema).max(512),
  /** Role to path inside the folder, as the family's loader names them: `{ model: "model.onnx", tokens: "tokens.txt" }`. */
  assets: z.record(z.string(), relativePath).default({}),
  /** Family options handed to the loader as they are. */
  options: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
  revision: z.string().max(128),
  licence: z.string().max(200),
  /** BCP 47 tags, plain where the model makes no regional difference. */
  languages: z.array(z.string().regex(LANGUAGE)).min(1).max(256),
  voices: z.array(voiceSchema).max(4096).optional(),
  aliases: z.array(z.string().max(128)).max(32).default([]),
  /** Samples per second of what it speaks; recognisers always take 16 000 Hz. */
  sampleRate: z.int().min(8000).max(96_000).optional(),
  description: z.string().max(500).default(''),
});

export type ModelManifest = z.infer<typeof modelManifestSchema>;
export type ModelFile = z.infer<typeof modelFileSchema>;
export type ManifestVoice = z.infer<typeof voiceSchema>;
