/** What setup did about one thing. */
export interface Step {
  name: string;
  /** `planned` is what a dry run would do. `skipped` is not possible here, and not needed either. */
  state: 'present' | 'done' | 'planned' | 'skipped' | 'missing';
  says: string;
  /** What a person can run to get it. */
  line?: string;
}

export interface HowToSetUp {
  dryRun: boolean;
  signal: AbortSignal;
}
