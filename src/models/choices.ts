import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { SpeechError } from '../errors.ts';
import { readPrivateFile, writePrivateFile } from '../storage/private-file.ts';
import { MODEL_ID } from './manifest.ts';

/** What callers ask for without naming a model. */
export const TASKS = ['stt', 'tts'] as const;
export type Task = (typeof TASKS)[number];

/** A model for callers who name none. */
export interface DefaultModel {
  task: Task;
  /** BCP 47, which stands for its regions too; null for every language that has no model of its own. */
  language: string | null;
  model: string;
}

/** Names that callers may use besides ids. */
export const ALIAS = /^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}$/;
const LANGUAGE = /^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,6}$/;

const schema = z.strictObject({
  version: z.literal(1),
  pins: z.array(z.string().regex(MODEL_ID)),
  defaults: z.array(
    z.strictObject({
      task: z.enum(TASKS),
      language: z.string().regex(LANGUAGE).nullable(),
      model: z.string().regex(MODEL_ID),
    }),
  ),
  aliases: z.array(z.strictObject({ alias: z.string().regex(ALIAS), model: z.string().regex(MODEL_ID) })),
});
type Content = z.infer<typeof schema>;

const FILE = 'model-choices.json';
const MAX_BYTES = 64 * 1024 * 1024;
const EMPTY: Content = { version: 1, pins: [], defaults: [], aliases: [] };

/**
 * What was chosen while the server ran: models that stay in memory, defaults and aliases. Kept in one file of the data
 * folder, which is written whole or not at all. Whether a choice makes sense is for `choose.ts` to say.
 */
export class Choices {
  #path: string;
  #most: number;
  #content: Content = EMPTY;

  /** Reads what was chosen before, and writes nothing. Throws an Error that says what is wrong with the file. */
  constructor(dataDir: string, most: number) {
    this.#path = join(dataDir, FILE);
    this.#most = most;
    this.reread();
  }

  /** Ids of models, here or not. */
  get pins(): readonly string[] {
    return this.#content.pins;
  }

  get defaults(): readonly DefaultModel[] {
    return this.#content.defaults;
  }

  get aliases(): readonly { alias: string; model: string }[] {
    return this.#content.aliases;
  }

  /** Reads the file anew, after another process may have written it. */
  reread(): void {
    if (!existsSync(this.#path)) {
      this.#content = EMPTY;
      return;
    }
    try {
      this.#content = schema.parse(JSON.parse(readPrivateFile(this.#path, { maxBytes: MAX_BYTES })));
    } catch (error) {
      const fault = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message;
      throw new Error(`${this.#path} cannot be used; mend or delete it: ${fault}`);
    }
  }

  pin(model: string, pinned: boolean): void {
    const others = this.#content.pins.filter((id) => id !== model);
    this.#write({ ...this.#content, pins: pinned ? [...others, model] : others });
  }

  /** With null, the choice is taken back. */
  setDefault(task: Task, language: string | null, model: string | null): void {
    const tag = language === null ? null : canonicalLanguage(language);
    const others = this.#content.defaults.filter((each) => each.task !== task || each.language !== tag);
    this.#write({
      ...this.#content,
      defaults: model === null ? others : [...others, { task, language: tag, model }],
    });
  }

  /** With null, the choice is taken back. */
  setAlias(alias: string, model: string | null): void {
    const others = this.#content.aliases.filter((each) => each.alias !== alias);
    this.#write({ ...this.#content, aliases: model === null ? others : [...others, { alias, model }] });
  }

  #write(content: Content): void {
    const count = ({ pins, defaults, aliases }: Content): number => pins.length + defaults.length + aliases.length;
    if (count(content) > this.#most && count(content) > count(this.#content)) {
      throw new SpeechError(
        'conflict',
        `There are ${this.#most} pins, defaults and aliases already, as many as there may be (OS_MAX_MODEL_CHOICES).`,
      );
    }
    if (count(content) === 0 && count(this.#content) === 0) return;
    writePrivateFile(this.#path, `${JSON.stringify(content, undefined, 2)}\n`, { replace: true });
    this.#content = content;
  }
}

/** A language tag as it is usually written: `pt-br` is `pt-BR`. Throws SpeechError for what is none. */
export function canonicalLanguage(written: string): string {
  try {
    if (LANGUAGE.test(written)) return Intl.getCanonicalLocales(written)[0]!;
  } catch {
    // Well-formed as far as the pattern sees, and still none.
  }
  const message = `'${written.slice(0, 40)}' is not a language tag such as de or pt-BR.`;
  throw new SpeechError('invalid_request', message, { param: 'language' });
}
