import { z } from 'zod';
import { RealtimeProblem } from './problem.ts';

/**
 * The session object of OpenAI's Realtime protocol (GA) and its updates: only keys that are present change, null
 * clears, and what is shown is always the whole effective session.
 */

const audioFormat = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('audio/pcm'), rate: z.literal(24_000).default(24_000) }),
  z.strictObject({ type: z.literal('audio/pcmu') }),
  z.strictObject({ type: z.literal('audio/pcma') }),
]);
export type AudioFormat = z.infer<typeof audioFormat>;

const name = z.string().min(1).max(256);
const MAX_TEXT = 32_768;
const MAX_TOOLS = 128;

const transcription = z.strictObject({
  model: name.optional(),
  language: z.string().max(35).optional(),
  prompt: z.string().max(MAX_TEXT).optional(),
  languages: z.array(z.string().max(35)).max(64).optional(),
  keywords: z.array(z.string().max(256)).max(256).optional(),
  delay: z.enum(['minimal', 'low', 'medium', 'high', 'xhigh']).optional(),
});

const serverVad = z.strictObject({
  type: z.literal('server_vad'),
  threshold: z.number().min(0).max(1).default(0.5),
  prefix_padding_ms: z.int().min(0).max(5000).default(300),
  silence_duration_ms: z.int().min(50).max(10_000).default(500),
  create_response: z.boolean().default(true),
  interrupt_response: z.boolean().default(true),
  idle_timeout_ms: z.int().min(1000).max(600_000).nullable().default(null),
});
const semanticVad = z.strictObject({
  type: z.literal('semantic_vad'),
  eagerness: z.enum(['low', 'medium', 'high', 'auto']).default('auto'),
  create_response: z.boolean().default(true),
  interrupt_response: z.boolean().default(true),
});
const turnDetection = z.discriminatedUnion('type', [serverVad, semanticVad]);
export type TurnDetection = z.infer<typeof turnDetection>;

const input = z.strictObject({
  format: audioFormat.optional(),
  transcription: transcription.nullish(),
  noise_reduction: z
    .strictObject({ type: z.enum(['near_field', 'far_field']), strength: z.unknown().optional() })
    .nullish(),
  turn_detection: turnDetection.nullish(),
});

const voice = z.union([name, z.strictObject({ id: name })]);
const output = z.strictObject({
  format: audioFormat.optional(),
  voice: voice.optional(),
  speed: z.number().min(0.25).max(1.5).optional(),
});

/** Passed on to the language model as it is. */
const tool = z
  .looseObject({ type: z.string().max(64).default('function'), name: name.optional() })
  .refine((given) => given.type !== 'function' || given.name !== undefined, { path: ['name'] });
const toolChoice = z.union([z.enum(['none', 'auto', 'required']), z.looseObject({ type: z.string().max(64) })]);
const modalities = z
  .array(z.enum(['audio', 'text']))
  .length(1, 'must be ["audio"] or ["text"]')
  .transform(([one]) => [one!] as ['audio'] | ['text']);
const maxTokens = z.union([z.int().min(1).max(4096), z.literal('inf')]);

/** What a response may be asked for, and a session for all of its responses. */
const answering = {
  output_modalities: modalities.optional(),
  instructions: z.string().max(MAX_TEXT).optional(),
  tools: z.array(tool).max(MAX_TOOLS).optional(),
  tool_choice: toolChoice.optional(),
  parallel_tool_calls: z.boolean().optional(),
  max_output_tokens: maxTokens.optional(),
  reasoning: z.unknown().optional(),
  prompt: z.unknown().optional(),
};

/** Known to OpenAI's clients, kept and shown, without a meaning here. */
const shown = { tracing: z.unknown().optional(), truncation: z.unknown().optional() };
const include = z.array(z.string().max(128)).max(16).nullish();

const realtimePatch = z.strictObject({
  type: z.literal('realtime'),
  ...answering,
  ...shown,
  include,
  model: name.optional(),
  audio: z.strictObject({ input: input.optional(), output: output.optional() }).optional(),
});
const transcriptionPatch = z.strictObject({
  type: z.literal('transcription'),
  include,
  audio: z.strictObject({ input: input.optional() }).optional(),
});

export const responseParams = z.strictObject({
  ...answering,
  audio: z.strictObject({ output: output.optional() }).optional(),
  conversation: z.enum(['auto', 'none']).default('auto'),
  input: z.array(z.unknown()).max(1000).optional(),
  /** With OpenAI's bounds. */
  metadata: z
    .record(z.string().max(64), z.string().max(512))
    .refine((pairs) => Object.keys(pairs).length <= 16, 'at most 16 pairs')
    .nullish(),
});
export type ResponseParams = z.infer<typeof responseParams>;

interface InputSession {
  format: AudioFormat;
  transcription: z.infer<typeof transcription> | null;
  noise_reduction: { type: 'near_field' | 'far_field' } | null;
  turn_detection: TurnDetection | null;
}

export interface ConversationSession {
  type: 'realtime';
  object: 'realtime.session';
  id: string;
  model: string;
  output_modalities: ['audio'] | ['text'];
  instructions: string;
  tools: z.infer<typeof tool>[];
  tool_choice: z.infer<typeof toolChoice>;
  parallel_tool_calls: boolean;
  max_output_tokens: number | 'inf';
  reasoning?: unknown;
  prompt: unknown;
  tracing: unknown;
  truncation: unknown;
  /** Unix time in seconds. */
  expires_at: number;
  include: string[] | null;
  audio: {
    input: InputSession;
    output: { format: AudioFormat; voice: string | { id: string }; speed: number };
  };
}

export interface TranscriptionSession {
  type: 'transcription';
  object: 'realtime.transcription_session';
  id: string;
  expires_at: number;
  include: string[] | null;
  audio: { input: InputSession };
}

export type Session = ConversationSession | TranscriptionSession;

/** Facts about this server that decide whether a session's wishes can be met. */
export interface SessionRules {
  /** Throws RealtimeProblem where the voice does not exist. */
  checkVoice(voice: string, param: string): void;
  /** Throws RealtimeProblem where there is no such recogniser, or it does not know the language. */
  checkRecogniser(wanted: { model?: string; language?: string }, param: string): void;
}

export interface NewSession {
  id: string;
  kind: Session['type'];
  /** As the client named it: of the conversation, or of the recogniser. */
  model: string;
  voice: string;
  expiresAt: number;
}

const PCM: AudioFormat = { type: 'audio/pcm', rate: 24_000 };

/** A session as it is before the first update, with OpenAI's published defaults. */
export function newSession({ id, kind, model, voice, expiresAt }: NewSession): Session {
  const turns = serverVad.parse({ type: 'server_vad' });
  const common = { id, expires_at: expiresAt, include: null };
  if (kind === 'transcription') {
    const hears = model === '' ? {} : { model };
    return {
      type: 'transcription',
      object: 'realtime.transcription_session',
      ...common,
      audio: { input: { format: PCM, transcription: hears, noise_reduction: null, turn_detection: turns } },
    };
  }
  return {
    type: 'realtime',
    object: 'realtime.session',
    ...common,
    model,
    output_modalities: ['audio'],
    instructions: '',
    tools: [],
    tool_choice: 'auto',
    parallel_tool_calls: true,
    max_output_tokens: 'inf',
    prompt: null,
    tracing: null,
    truncation: 'auto',
    audio: {
      input: { format: PCM, transcription: null, noise_reduction: null, turn_detection: turns },
      output: { format: PCM, voice, speed: 1 },
    },
  };
}

/** Far more than the longest instructions: a session is kept, and shown with every change. */
const MAX_SESSION_CHARS = 2_000_000;

/**
 * The session after an update; the given one stays as it is. RealtimeProblem names the first field that is wrong, and
 * then nothing changes. `spoken`: audio has been made, which freezes the voice.
 */
export function updateSession(
  session: Session,
  patch: unknown,
  options: { rules: SessionRules; spoken: boolean },
): Session {
  const updated = changed(session, patch, options);
  if (JSON.stringify(updated).length <= MAX_SESSION_CHARS) return updated;
  throw new RealtimeProblem('invalid_value', `A session has at most ${MAX_SESSION_CHARS} characters.`, 'session');
}

function changed(
  session: Session,
  patch: unknown,
  { rules, spoken }: { rules: SessionRules; spoken: boolean },
): Session {
  const { type: kind } = check(z.looseObject({ type: z.enum(['realtime', 'transcription']) }), patch, 'session');
  if (kind === 'transcription') {
    const { audio, include } = check(transcriptionPatch, patch, 'session');
    const { id, expires_at } = session;
    return {
      ...{ type: 'transcription', object: 'realtime.transcription_session', id, expires_at },
      include: include === undefined ? session.include : include,
      audio: { input: updateInput(session.audio.input, audio?.input, rules) },
    };
  }
  const { type, audio, include, ...rest } = check(realtimePatch, patch, 'session');
  const base: ConversationSession =
    session.type === 'realtime'
      ? session
      : {
          ...(newSession({
            id: session.id,
            kind: 'realtime',
            model: '',
            voice: 'alloy',
            expiresAt: session.expires_at,
          }) as ConversationSession),
          include: session.include,
        };
  const voice = audio?.output?.voice;
  if (voice !== undefined) {
    rules.checkVoice(voiceId(voice), 'session.audio.output.voice');
    if (spoken && voiceId(voice) !== voiceId(base.audio.output.voice)) {
      throw new RealtimeProblem(
        'cannot_update_voice',
        'The voice cannot be changed once there has been audio in this session.',
        'session.audio.output.voice',
      );
    }
  }
  return {
    ...base,
    ...present(rest),
    type,
    include: include === undefined ? base.include : include,
    audio: {
      input: updateInput(base.audio.input, audio?.input, rules),
      output: { ...base.audio.output, ...present(audio?.output ?? {}) },
    },
  };
}

export const voiceId = (voice: string | { id: string }): string => (typeof voice === 'string' ? voice : voice.id);

function updateInput(
  before: InputSession,
  patch: z.infer<typeof input> | undefined,
  rules: SessionRules,
): InputSession {
  const after = { ...before, ...present(patch ?? {}) } as InputSession;
  if (!patch?.transcription) return after;
  // Who names a language, or words to expect, does not mean another recogniser.
  const { model = before.transcription?.model } = patch.transcription;
  after.transcription = { ...patch.transcription, ...(model === undefined ? {} : { model }) };
  rules.checkRecogniser(hearingOf(after), 'session.audio.input.transcription');
  return after;
}

/** What is asked of a recogniser. */
export function hearingOf({ transcription }: Pick<InputSession, 'transcription'>): {
  model?: string;
  language?: string;
  prompt?: string;
} {
  const { model, language, prompt } = transcription ?? {};
  return { ...(model ? { model } : {}), ...(language ? { language } : {}), ...(prompt ? { prompt } : {}) };
}

/** Without the keys that are undefined, so that they change nothing. */
function present<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}

/** Validates, and turns the first fault into the protocol's error. `at` is the path of the value. */
export function check<T>(schema: z.ZodType<T>, value: unknown, at: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const path = issue.path.reduce<string>(
    (before, key) => (typeof key === 'number' ? `${before}[${key}]` : [before, String(key)].filter(Boolean).join('.')),
    at,
  );
  if (issue.code === 'unrecognized_keys') {
    const param = `${path}.${issue.keys[0]}`;
    throw new RealtimeProblem('unknown_parameter', `Unknown parameter: '${param}'.`, param);
  }
  const missing = issue.path.reduce<unknown>(
    (part, key) => (part as Record<PropertyKey, unknown> | undefined)?.[key],
    value,
  );
  if (missing === undefined) {
    throw new RealtimeProblem('missing_required_parameter', `Missing required parameter: '${path}'.`, path);
  }
  const code = issue.code === 'invalid_type' ? 'invalid_type' : 'invalid_value';
  throw new RealtimeProblem(code, `Invalid value for '${path}': ${issue.message}.`, path);
}
