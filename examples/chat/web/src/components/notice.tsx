import type { ReactNode } from 'react';

import type { Conversation } from '../conversation';
import { CloseIcon } from './icons';

interface Props {
  kind: string;
  text: string;
  /** What the user can do about it. */
  action?: { label: string; run: () => void } | undefined;
  onDismiss?: (() => void) | undefined;
}

const Notice = ({ kind, text, action, onDismiss }: Props): ReactNode => (
  <div className={`notice is-${kind}`} role="alert" data-testid="notice" data-kind={kind}>
    <p>{text}</p>
    {action && (
      <button type="button" className="button" data-testid="try-again" onClick={action.run}>
        {action.label}
      </button>
    )}
    {onDismiss && (
      <button type="button" className="tool-button" aria-label="Dismiss" onClick={onDismiss}>
        <CloseIcon />
      </button>
    )}
  </div>
);

const connectionNotice = ({ connection: { state, reconnect }, refused, renew }: Conversation): Props | null => {
  if (refused) {
    return {
      kind: 'refused',
      text: 'You are not let into this chat: the pass for it was refused. Ask whoever runs it, or try again.',
      action: { label: 'Try again', run: renew },
    };
  }
  if (state === 'disconnected' || state === 'suspended') {
    return {
      kind: 'offline',
      text: 'You are offline. The answer goes on without you, and will be here when you are back.',
      action: { label: 'Reconnect', run: reconnect },
    };
  }
  return null;
};

const sendingNotice = ({ asking: { failure, tryAgain, dismiss } }: Conversation): Props | null => {
  if (failure?.kind === 'not-woken') {
    return {
      kind: 'not-woken',
      text: 'Your message is in the chat, but the assistant did not hear of it.',
      action: { label: 'Try again', run: tryAgain },
      onDismiss: dismiss,
    };
  }
  if (failure?.kind === 'not-sent') {
    return { kind: 'not-sent', text: 'Your message was not sent. It is back in the box below.', onDismiss: dismiss };
  }
  return null;
};

const historyNotice = ({ historyFailed, connection, refused, loadEarlier }: Conversation): Props | null => {
  if (!historyFailed || connection.state !== 'connected' || refused) return null;
  return {
    kind: 'history',
    text: 'Earlier messages could not be loaded.',
    action: { label: 'Try again', run: loadEarlier },
  };
};

/** What the user should know, in the order of its weight. */
export const Notices = ({ conversation }: { conversation: Conversation }): ReactNode => {
  const notices = [connectionNotice(conversation), sendingNotice(conversation), historyNotice(conversation)];
  return <div className="notices">{notices.map((notice) => notice && <Notice key={notice.kind} {...notice} />)}</div>;
};
