import { type RefObject, useLayoutEffect, useRef } from 'react';

/**
 * Keeps the keyboard among some buttons when the one that it was on goes, because another takes its place: browsers
 * would send it back to the beginning of the page.
 */
export function useKeptFocus(place: RefObject<HTMLElement | null>): { onFocus(): void; onBlur(): void } {
  const held = useRef(false);
  // After each drawing: React tells of no focus that is lost with its element.
  useLayoutEffect(() => {
    if (!held.current || document.activeElement !== document.body) return;
    place.current?.querySelector<HTMLElement>('button:not(:disabled)')?.focus({ preventScroll: true });
  });
  return {
    onFocus: () => {
      held.current = true;
    },
    onBlur: () => {
      held.current = false;
    },
  };
}
