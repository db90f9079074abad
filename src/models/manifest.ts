import { z } from 'zod';

const LANGUAGE = /^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/;
const relativePath = z
  .string()
  .min(1)
  .max(255)
  .refine((p) => !p.startsWith('/') && !p.includes('\\') && !p.includes('\0') && !p.includes(':'), 'must be relative')
  .refine((p) => p.split('/').every((part) => part !== '' && part !== '.' && part !== '..'), 'must stay inside');

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** Files that the model store itself puts into a model's folder. */
const RESERVED: ReadonlySet<string> = new Set(['manifest.json', 'installed.json']);

/**
 * One file of a model: where it lies inside the model's folder and what its bytes must be. Size and hash may be
 * missing only for a file that comes out of the model's archive: the archive's own hash vouches for it then.
 */
export const modelFileSchema = z.strictObject({
  path: relativePath.refine((path) => !RESERVED.has(path.toLowerCase()), 'is a name of the model store'),
  url: z.url().optional(),
  bytes: z.int().nonnegative().optional(),
  sha256: sha256.optional(),
});

/** An archive that the model's files come out of. Files with a `url` of their own are fetched besides. */
export const modelArchiveSchema = z.strictObject({
  url: z.url(),
  bytes: z.int().positive(),
  sha256,
  format: z.enum(['zip', 'tar', 'tar.gz', 'tar.bz2']),
  /** Folders at the start of each name that are left out, as tar's option of that name does. */
  stripComponents: z.int().min(0).max(8).default(0),
  /** What is kept besides the listed files: these folders, or everything. Else only the listed files are. */
  keep: z.union([z.literal('all'), z.array(relativePath).max(64)]).default([]),
});

/** A statement about the model, such as how well or how fast it works, with where it comes from. */
export const modelNoteSchema = z.strictObject({
  text: z.string().min(1).max(1000),
  source: z.string().min(1).max(500),
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

/** Ids of models. They are names of folders too. */
export const MODEL_ID = /^[a-z0-9][a-z0-9._-]{0,127}$/;

/** What a model does: speaks, transcribes, or helps with either. */
export const MODEL_KINDS = [
  'tts',
  'stt',
  'vad',
  'diarization',
  'speaker-embedding',
  'denoise',
  'punctuation',
  'language-id',
  'end-of-turn',
] as const;

/**
 * A model that an engine can open. The catalogue ships manifests; an operator may add more. Callers name a
 * manifest's `id` or one of its `aliases`, never a path, URL or repository.
 */
export const modelManifestSchema = z
  .strictObject({
    id: z.string().regex(MODEL_ID),
    kind: z.enum(MODEL_KINDS),
    /** The engine that opens it: a folder name under `engines/`. */
    engine: z.string().regex(/^[a-z0-9-]{1,32}$/),
    /** Which loader inside the engine, for example `vits`, `whisper`, `zipformer-ctc`. */
    family: z.string().regex(/^[a-z0-9-]{1,48}$/),
    /** Empty for engines that carry their data inside their package. */
    files: z.array(modelFileSchema).max(512),
    archive: modelArchiveSchema.optional(),
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
    /**
     * How the hashes became known: agreed by two independent sources, computed from the files themselves, or told by
     * one source alone. A model without a word about it is treated as the last when it is fetched.
     */
    confidence: z.enum(['two-sources', 'computed', 'single-source']).optional(),
    /** Whether the licence allows commercial use. Without a word about it, fetching asks for acceptance. */
    commercialUse: z.boolean().optional(),
    /** Resident memory of one process that holds it. */
    memoryBytes: z.int().positive().optional(),
    /** Its repository asks for an account that has agreed to its terms. */
    gated: z.boolean().optional(),
    notes: z.array(modelNoteSchema).max(32).optional(),
  })
  .superRefine((manifest, context) => {
    for (const [index, file] of manifest.files.entries()) {
      const known = file.bytes !== undefined && file.sha256 !== undefined;
      const packed = manifest.archive !== undefined && file.url === undefined;
      if (!known && !packed) {
        context.addIssue({ code: 'custom', path: ['files', index], message: 'needs its bytes and sha256' });
      }
    }
    if (new Set(manifest.files.map((file) => file.path.toLowerCase())).size < manifest.files.length) {
      context.addIssue({ code: 'custom', path: ['files'], message: 'names a file twice' });
    }
    if (manifest.archive !== undefined && manifest.files.every((file) => file.url !== undefined)) {
      context.addIssue({ code: 'custom', path: ['files'], message: 'lists no file of the archive' });
    }
  });

export type ModelManifest = z.infer<typeof modelManifestSchema>;
export type ModelKind = ModelManifest['kind'];
export type ModelArchive = z.infer<typeof modelArchiveSchema>;
export type ModelFile = z.infer<typeof modelFileSchema>;
export type ManifestVoice = z.infer<typeof voiceSchema>;
