import type * as Ably from 'ably';
import type { ReactNode } from 'react';

import type { Connection } from '../hooks/use-connection';

export const CONNECTION_WORDS: Record<Ably.ConnectionState, string> = {
  initialized: 'Connecting',
  connecting: 'Connecting',
  connected: 'Live',
  disconnected: 'Reconnecting',
  suspended: 'Offline',
  closing: 'Leaving',
  closed: 'Closed',
  failed: 'Refused',
};

/** How the connection is, in a word. */
export const ConnectionPill = ({ connection: { state } }: { connection: Connection }): ReactNode => (
  <span className="connection" data-testid="connection" data-state={state}>
    <i aria-hidden="true" />
    <span className="connection-word">
      <span className="visually-hidden">Connection: </span>
      {CONNECTION_WORDS[state]}
    </span>
  </span>
);
