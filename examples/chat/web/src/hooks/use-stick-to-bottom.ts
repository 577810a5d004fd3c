import { useCallback, useEffect, useRef, useState, type RefObject } from 'react';

/** So near to the end counts as at the end. */
const NEAR_PX = 64;

/** What a reader scrolls with, and for how long a scroll may be its effect. */
const MOVES = ['wheel', 'touchmove', 'pointerdown', 'keydown'] as const;
const MOVE_MS = 1000;

export interface Sticking {
  /** What scrolls. */
  frame: RefObject<HTMLDivElement | null>;
  /** What grows in it. */
  content: RefObject<HTMLDivElement | null>;
  atBottom: boolean;
  toBottom: () => void;
  /** What is read now stays where it is when older text comes before it. */
  keepPlace: () => void;
}

/** Follow a growing text, but only for a reader who is at its end. `present` tells whether there is a text yet. */
export const useStickToBottom = (present: boolean): Sticking => {
  const frame = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const sticking = useRef(true);
  const fromEnd = useRef<number | null>(null);
  const [atBottom, setAtBottom] = useState(true);

  const toBottom = useCallback(() => {
    sticking.current = true;
    setAtBottom(true);
    frame.current?.scrollTo({ top: frame.current.scrollHeight });
  }, []);

  const keepPlace = useCallback(() => {
    sticking.current = false;
    if (frame.current) fromEnd.current = frame.current.scrollHeight - frame.current.scrollTop;
  }, []);

  useEffect(() => {
    const box = frame.current;
    const inner = content.current;
    if (!box || !inner) return;
    let top = box.scrollTop;
    let moved = -Infinity;
    const onMove = (): void => {
      moved = performance.now();
    };
    const onScroll = (): void => {
      const near = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_PX;
      // Only the reader's own move counts: a text that gets shorter moves its end up as well.
      if (near) sticking.current = true;
      else if (box.scrollTop < top && performance.now() - moved < MOVE_MS) sticking.current = false;
      top = box.scrollTop;
      setAtBottom(sticking.current);
    };
    const observer = new ResizeObserver(() => {
      if (sticking.current) box.scrollTop = box.scrollHeight;
      else if (fromEnd.current !== null) box.scrollTop = box.scrollHeight - fromEnd.current;
      fromEnd.current = null;
    });
    for (const kind of MOVES) box.addEventListener(kind, onMove, { passive: true });
    box.addEventListener('scroll', onScroll, { passive: true });
    observer.observe(inner);
    observer.observe(box);
    return () => {
      for (const kind of MOVES) box.removeEventListener(kind, onMove);
      box.removeEventListener('scroll', onScroll);
      observer.disconnect();
    };
  }, [present]);
  return { frame, content, atBottom, toBottom, keepPlace };
};
