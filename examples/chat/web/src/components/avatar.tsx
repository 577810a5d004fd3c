import type { ReactNode } from 'react';

import { personName } from '../address';

/** How many there are; see tokens.css. */
export const COLOURS = 5;

/** A colour for a name, always the same. */
export const colourOf = (name: string): number =>
  [...name].reduce((sum, letter) => sum + (letter.codePointAt(0) ?? 0), 0) % COLOURS;

/** A person, as a letter. */
export const Avatar = ({ clientId }: { clientId: string }): ReactNode => (
  <span className={`avatar tone-${String(colourOf(clientId))}`} aria-hidden="true">
    {personName(clientId).charAt(0)}
  </span>
);
