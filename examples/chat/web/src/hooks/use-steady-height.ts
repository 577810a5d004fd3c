import { useLayoutEffect, useRef, type RefObject } from 'react';

/**
 * Keep a box as tall as it has been, as long as it is being written to.
 *
 * A retry replaces a long text by its first word. Without this, all below would jump up, and down again.
 */
export const useSteadyHeight = (active: boolean): RefObject<HTMLDivElement | null> => {
  const box = useRef<HTMLDivElement>(null);

  useLayoutEffect(() => {
    const element = box.current;
    if (!element || !active) return;
    let tallest = 0;
    const observer = new ResizeObserver(() => {
      tallest = Math.max(tallest, element.offsetHeight);
      element.style.minHeight = `${String(tallest)}px`;
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      element.style.minHeight = '';
    };
  }, [active]);
  return box;
};
