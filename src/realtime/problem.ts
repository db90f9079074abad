/** What is wrong with a client's event, in the words of OpenAI's `error` event. The session goes on. */
export class RealtimeProblem extends Error {
  readonly code: string;
  /** Path of the field, for example `session.audio.input.format`. */
  readonly param: string | null;
  /** `invalid_request_error`, or `server_error` for what the client cannot help. */
  readonly type: string;

  constructor(code: string, message: string, param: string | null = null, type = 'invalid_request_error') {
    super(message);
    this.code = code;
    this.param = param;
    this.type = type;
  }
}
