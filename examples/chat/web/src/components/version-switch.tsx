import type { ReactNode } from 'react';

import type { Versions } from '../conversation';
import { NextIcon, PreviousIcon } from './icons';

interface Props {
  versions: Versions;
  /** Of what, for those who hear it. */
  of: string;
}

/** Goes through the versions of a prompt or of an answer. */
export const VersionSwitch = ({ versions: { index, count, select }, of }: Props): ReactNode =>
  count > 1 && (
    <span
      className="versions"
      role="group"
      aria-label={`Versions of this ${of}`}
      data-testid="branch"
      data-index={index}
      data-count={count}
    >
      <button
        type="button"
        className="tool-button"
        aria-label="Earlier version"
        data-testid="branch-previous"
        disabled={index === 0}
        onClick={() => {
          select(index - 1);
        }}
      >
        <PreviousIcon />
      </button>
      <span className={index < count - 1 ? 'versions-count has-newer' : 'versions-count'}>
        {index + 1} of {count}
      </span>
      <button
        type="button"
        className="tool-button"
        aria-label="Later version"
        data-testid="branch-next"
        disabled={index === count - 1}
        onClick={() => {
          select(index + 1);
        }}
      >
        <NextIcon />
      </button>
    </span>
  );
