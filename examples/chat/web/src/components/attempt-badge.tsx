import type { ReactNode } from 'react';

/** Says that an earlier attempt failed, and that this is another. */
export const AttemptBadge = ({ attempt }: { attempt: number }): ReactNode =>
  attempt > 1 && (
    <span className="badge" data-testid="attempt" title="An earlier attempt failed; Temporal tried again">
      attempt {attempt}
    </span>
  );
