/** What is wrong with a client's event, in the words of OpenAI's `error` event. The session goes on. */
export class RealtimeProblem extends Error {
  readonly code: string;
  /** Path of the field, for example `session.audio.input.format`. */
  readonly param: string | null;

  constructor(code: string, message: string, param: string | null = null) {
    super(message);
    this.code = code;
    this.param = param;
  }
}
