import { useRef, type ReactNode } from 'react';

import type { Conversation } from '../conversation';
import { CONNECTION_WORDS } from './connection-pill';

const stateOf = ({ working, waiting, turns }: Conversation): string => {
  if (waiting) return 'The assistant is thinking.';
  if (working) return 'The assistant is answering.';
  const last = turns.at(-1);
  if (last?.kind !== 'answer') return '';
  if (last.status === 'cancelled') return 'Stopped.';
  if (last.status === 'suspended') return 'The assistant waits for an answer.';
  return 'The answer is complete.';
};

/** Says what happens to those who do not see it. The answers themselves are heard from the conversation, when whole. */
export const Announcer = ({ conversation }: { conversation: Conversation }): ReactNode => {
  const began = useRef(false);
  if (conversation.working) began.current = true;
  const { state } = conversation.connection;
  return (
    <div className="visually-hidden" role="status">
      {state !== 'connected' && `${CONNECTION_WORDS[state]}. `}
      {began.current && stateOf(conversation)}
    </div>
  );
};
