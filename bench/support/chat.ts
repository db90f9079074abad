import type { TestContext } from 'node:test';
import { chatDuring } from '../../test/support/chat.ts';

/** A language model that needs no time for its answer. */
export async function instantChat(answer: string): Promise<{ url: string; askedAt: () => number; close: () => void }> {
  const ends: (() => void)[] = [];
  let askedAt = 0;
  const context = { after: (end: () => void) => ends.push(end) } as unknown as TestContext;
  const { url } = await chatDuring(context, () => {
    askedAt = performance.now();
    return [answer];
  });
  return { url, askedAt: () => askedAt, close: () => ends.forEach((end) => void end()) };
}
