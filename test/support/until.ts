import { setTimeout as sleep } from 'node:timers/promises';

/** Resolves once the condition holds. It is asked every few milliseconds; a test that waits for ever fails by itself. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(2);
}
