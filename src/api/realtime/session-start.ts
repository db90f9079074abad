import type { Settings } from '../../config/kinds.ts';
import { SpeechError } from '../../errors.ts';
import { recogniserFor } from '../../live/listening.ts';
import type { Names } from '../../models/names.ts';
import { checkDepth } from '../../realtime/client-events.ts';
import { RealtimeProblem } from '../../realtime/problem.ts';
import { type NewSession, newSession, type Session, updateSession } from '../../realtime/session-config.ts';
import type { Rules } from '../../realtime/state.ts';
import { randomToken } from '../../security/secrets.ts';

/** What clients that were written for OpenAI name as recognisers: here each stands for the default. */
const STOCK_MODEL = /^(gpt-|whisper|o\d)/;

export interface SessionDeps {
  settings: Settings;
  names: Names;
}

/** What this server can do for a session. */
export function rulesOf({ settings, names }: SessionDeps): Rules {
  const explained = (look: () => unknown, paramOf: (error: SpeechError) => string): void => {
    try {
      look();
    } catch (thrown) {
      const error = SpeechError.from(thrown);
      // Where there is no model at all, only who needs it has to know: clients set everything at once.
      if (error.code !== 'model_unavailable') throw new RealtimeProblem('invalid_value', error.message, paramOf(error));
    }
  };
  return {
    maxItems: settings.limits.realtimeItems,
    maxChars: settings.limits.realtimeConversationChars,
    maxResponses: settings.limits.realtimeResponses,
    hasLanguageModel: settings.llmUrl !== '',
    checkVoice: (voice, param) =>
      explained(
        () => names.voice(names.model('tts', undefined), voice, undefined),
        () => param,
      ),
    checkRecogniser: ({ model, language }, param) =>
      explained(
        () => recogniserFor(names, { model: recogniserOf(names, model), language }),
        ({ code }) => `${param}.${code === 'model_not_found' ? 'model' : 'language'}`,
      ),
  };
}

/** The recogniser that a client's name stands for, by its id; undefined for the default. Throws `model_not_found`. */
export function recogniserOf(names: Names, name: string | undefined): string | undefined {
  if (name === undefined || (STOCK_MODEL.test(name) && names.find(name) === undefined)) return undefined;
  return names.model('stt', name).manifest.id;
}

/** A session as its client asks for it in the URL, before any update. */
export function sessionStart({ settings }: SessionDeps, kind: NewSession['kind'], model: string): NewSession {
  return {
    id: `sess_${randomToken().slice(0, 24)}`,
    kind,
    model: model === '' && kind === 'realtime' ? 'gpt-realtime' : model,
    voice: settings.ttsVoice === '' ? 'alloy' : settings.ttsVoice,
    expiresAt: Math.floor((Date.now() + settings.limits.socketLifetimeMs) / 1000),
  };
}

/** The whole session that a configuration makes. Throws `invalid_request` with the field that is wrong. */
export function configured(
  deps: SessionDeps,
  configuration: { type: NewSession['kind'] } & Record<string, unknown>,
): Session {
  const model = typeof configuration.model === 'string' ? configuration.model : '';
  const session = newSession(sessionStart(deps, configuration.type, model));
  return answered(() => {
    checkDepth(configuration);
    return updateSession(session, configuration, { rules: rulesOf(deps), spoken: false });
  });
}

/** What is wrong with a session, as an answer over HTTP. */
export function answered<T>(work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    if (!(thrown instanceof RealtimeProblem)) throw thrown;
    throw new SpeechError('invalid_request', thrown.message, thrown.param === null ? {} : { param: thrown.param });
  }
}
