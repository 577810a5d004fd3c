import type { ReactNode } from 'react';

import type { Conversation } from '../conversation';
import { textOf } from '../transcript';

/** What is behind the page: its runs, and what useChat holds. The page itself shows the session's view. */
export const Inspector = ({
  conversation: { turns, asking, connection },
}: {
  conversation: Conversation;
}): ReactNode => (
  <details className="inspector">
    <summary>Under the hood</summary>
    <h3>Runs</h3>
    <ol className="inspector-list">
      {turns.map(
        (turn) =>
          turn.kind === 'answer' && (
            <li key={turn.id}>
              <code>{turn.runId.slice(0, 8)}</code> {turn.status}
            </li>
          ),
      )}
    </ol>
    <h3>
      useChat:{' '}
      <span data-testid="usechat" data-status={asking.status}>
        {asking.status}
      </span>
    </h3>
    <ol className="inspector-list">
      {asking.held.map((message) => {
        const text = textOf(message);
        return (
          <li
            key={message.id}
            data-testid="usechat-message"
            data-message-id={message.id}
            data-role={message.role}
            data-text={text}
          >
            <b>{message.role}</b> {text}
          </li>
        );
      })}
    </ol>
    <h3>Connection</h3>
    <p>{connection.state}</p>
  </details>
);
