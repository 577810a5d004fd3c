/** The conversation as the page's components know it. */

import type { Connection } from './hooks/use-connection';
import type { Asking } from './hooks/use-asking';
import type { Turn } from './transcript';

/** The versions of a prompt, or of an answer, of which one is shown. */
export interface Versions {
  index: number;
  count: number;
  select: (index: number) => void;
}

export interface Conversation {
  turns: readonly Turn[];
  loaded: boolean;
  /** Older messages could be had. */
  hasEarlier: boolean;
  loadingEarlier: boolean;
  loadEarlier: () => void;
  historyFailed: boolean;
  /** More of some answer is to come. */
  working: boolean;
  /** This page asked, and no run has begun. */
  waiting: boolean;
  asking: Asking;
  connection: Connection;
  /** This page is not let in. */
  refused: boolean;
  /** Begin anew, with a new connection. */
  renew: () => void;
  people: readonly string[];
  /** Who wrote a prompt. */
  authorOf: (codecMessageId: string) => string;
  versionsOf: (codecMessageId: string) => Versions;
}
