import type { ReactNode } from 'react';

/** Something is being written. */
export const Dots = ({ label }: { label?: string }): ReactNode => (
  <span className="dots" {...(label === undefined ? { 'aria-hidden': true } : { role: 'img', 'aria-label': label })}>
    <i />
    <i />
    <i />
  </span>
);
