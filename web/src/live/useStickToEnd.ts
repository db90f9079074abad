import { type RefObject, useLayoutEffect, useRef } from 'react';

/** Within so many pixels of the end somebody reads along. */
const NEAR = 48;

/** Keeps the end of a growing box in sight, unless somebody has scrolled back in it. */
export function useStickToEnd<E extends HTMLElement>(grown: unknown): { box: RefObject<E | null>; onScroll(): void } {
  const box = useRef<E>(null);
  const follows = useRef(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: runs because it has grown, not for what it reads
  useLayoutEffect(() => {
    if (follows.current && box.current !== null) box.current.scrollTop = box.current.scrollHeight;
  }, [grown]);
  return {
    box,
    onScroll() {
      const { current } = box;
      if (current !== null) follows.current = current.scrollHeight - current.scrollTop - current.clientHeight < NEAR;
    },
  };
}
