import { useEffect, useState, type ReactNode } from 'react';

import { CopyIcon, DoneIcon } from './icons';

const SHOWN_MS = 1600;

/** Copies an answer. */
export const CopyButton = ({ text }: { text: string }): ReactNode => {
  const [copied, setCopied] = useState(false);

  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => {
      setCopied(false);
    }, SHOWN_MS);
    return () => {
      clearTimeout(timer);
    };
  }, [copied]);

  const copy = (): void => {
    navigator.clipboard.writeText(text).then(
      () => {
        setCopied(true);
      },
      () => undefined,
    );
  };
  return (
    <button type="button" className="action" onClick={copy}>
      {copied ? <DoneIcon /> : <CopyIcon />}
      {copied ? 'Copied' : 'Copy'}
    </button>
  );
};
