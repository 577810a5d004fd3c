import { useLayoutEffect, useRef, type RefObject } from 'react';

/** A text area as tall as its text; its style sheet says how tall it may get. */
export const useAutoGrow = (value: string): RefObject<HTMLTextAreaElement | null> => {
  const area = useRef<HTMLTextAreaElement>(null);

  useLayoutEffect(() => {
    const element = area.current;
    if (!element) return;
    element.style.height = 'auto';
    element.style.height = `${String(element.scrollHeight)}px`;
  }, [value]);
  return area;
};
