import { useCallback, useEffect, useRef, useState, type KeyboardEvent, type RefObject } from 'react';

/** There is room for the workbench beside the conversation. Else it lies over it; see workbench.css. */
const WIDE = '(min-width: 72rem)';

export interface WorkbenchPlace {
  open: boolean;
  panel: RefObject<HTMLElement | null>;
  opener: RefObject<HTMLButtonElement | null>;
  toggle: () => void;
  close: () => void;
  onKeyDown: (event: KeyboardEvent) => void;
}

/** Whether the workbench is open. Where it lies over the page, it takes the focus and gives it back. */
export const useWorkbench = (): WorkbenchPlace => {
  const [open, setOpen] = useState(() => matchMedia(WIDE).matches);
  const panel = useRef<HTMLElement>(null);
  const opener = useRef<HTMLButtonElement>(null);
  const asked = useRef(false);

  useEffect(() => {
    if (!asked.current || matchMedia(WIDE).matches) return;
    if (open) panel.current?.focus();
    else opener.current?.focus();
  }, [open]);

  const toggle = useCallback(() => {
    asked.current = true;
    setOpen((was) => !was);
  }, []);
  const close = useCallback(() => {
    asked.current = true;
    setOpen(false);
  }, []);
  const onKeyDown = useCallback(
    (event: KeyboardEvent) => {
      if (event.key !== 'Escape' || matchMedia(WIDE).matches) return;
      event.stopPropagation();
      close();
    },
    [close],
  );
  return { open, panel, opener, toggle, close, onKeyDown };
};
