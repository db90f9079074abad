/** A command of the command line. */
export interface Command {
  /** Usage, options and an example. */
  help: string;
  /** Runs with the words after the command's name. Returns the exit status; throws UsageError for wrong words. */
  run(args: readonly string[]): Promise<number>;
}

/** The words on the command line are wrong. Ends with status 2. */
export class UsageError extends Error {}

/** Somebody pressed Ctrl+C or ended the process. Ends with the status that shells expect: 128 and the signal's number. */
export class Interrupted extends Error {
  readonly status: number;

  constructor(status: number) {
    super('interrupted');
    this.status = status;
  }
}
