import { useCallback, useEffect, useRef, useState, type RefObject } from 'react';

/** So near to the end counts as at the end. */
const NEAR_PX = 64;

export interface Sticking {
  /** What scrolls. */
  frame: RefObject<HTMLDivElement | null>;
  /** What grows in it. */
  content: RefObject<HTMLDivElement | null>;
  atBottom: boolean;
  toBottom: () => void;
}

/** Follow a growing text, but only for a reader who is at its end. */
export const useStickToBottom = (): Sticking => {
  const frame = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const sticking = useRef(true);
  const [atBottom, setAtBottom] = useState(true);

  const toBottom = useCallback(() => {
    sticking.current = true;
    setAtBottom(true);
    frame.current?.scrollTo({ top: frame.current.scrollHeight });
  }, []);

  useEffect(() => {
    const box = frame.current;
    const inner = content.current;
    if (!box || !inner) return;
    let top = box.scrollTop;
    const onScroll = (): void => {
      const near = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_PX;
      // Only a move upwards is the reader's wish: when text grows, the end moves away by itself.
      if (near) sticking.current = true;
      else if (box.scrollTop < top) sticking.current = false;
      top = box.scrollTop;
      setAtBottom(sticking.current);
    };
    const observer = new ResizeObserver(() => {
      if (sticking.current) box.scrollTop = box.scrollHeight;
    });
    box.addEventListener('scroll', onScroll, { passive: true });
    observer.observe(inner);
    observer.observe(box);
    return () => {
      box.removeEventListener('scroll', onScroll);
      observer.disconnect();
    };
  }, []);
  return { frame, content, atBottom, toBottom };
};
