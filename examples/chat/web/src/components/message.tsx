import type { UIMessage } from 'ai';
import type { ReactNode } from 'react';

import { textOf, type Entry } from '../transcript';
import { Dots } from './dots';
import { Parts } from './parts';

interface Props {
  entry: Entry;
  /** What it is called by those who hear it. */
  name: string;
  runId: string;
  busy: boolean;
  onAnswer: (approvalId: string, approved: boolean) => void;
}

/** Nothing is to be seen yet. */
const isBlank = ({ parts }: UIMessage): boolean =>
  parts.every((part) => part.type === 'step-start' || ('text' in part && part.text === ''));

/** What an agent said. */
export const MessageView = ({ entry, name, runId, busy, onAnswer }: Props): ReactNode => {
  const { id, message, origin, streaming } = entry;
  return (
    <article
      className={streaming ? 'message is-streaming' : 'message'}
      aria-label={name}
      // Heard when it is whole, not word by word.
      aria-busy={streaming}
      data-testid="message"
      data-role="assistant"
      data-message-id={message.id}
      data-codec-message-id={id}
      data-run-id={runId}
      data-agent={origin.agent}
      data-attempt={origin.attempt}
      data-status={streaming ? 'streaming' : 'done'}
    >
      <div className="prose" data-testid="message-text" data-text={textOf(message)}>
        {streaming && isBlank(message) && <Dots />}
        <Parts parts={message.parts} busy={busy} onAnswer={onAnswer} />
      </div>
    </article>
  );
};
