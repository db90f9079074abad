/** A command of the command line. */
export interface Command {
  /** Usage, options and an example. */
  help: string;
  /** Runs with the words after the command's name. Returns the exit status; throws UsageError for wrong words. */
  run(args: readonly string[]): Promise<number>;
}

/** The words on the command line are wrong. Ends with status 2. */
export class UsageError extends Error {}
