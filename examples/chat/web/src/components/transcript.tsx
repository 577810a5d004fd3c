import type { ReactNode, RefObject } from 'react';

import type { Config } from '../api';
import type { Conversation } from '../conversation';
import type { Mode } from '../mode';
import type { Turn } from '../transcript';
import { AnswerView } from './answer';
import { Dots } from './dots';
import { Mark } from './icons';
import { PromptView } from './prompt';
import { Welcome } from './welcome';

interface Props {
  conversation: Conversation;
  config: Config;
  user: string;
  content: RefObject<HTMLDivElement | null>;
  /** This page may ask something. */
  free: boolean;
  onAsk: (text: string, mode: Mode) => void;
  /** Older messages are about to be loaded. */
  onEarlier: () => void;
}

/** Stands where the answer will be. */
const Waiting = (): ReactNode => (
  <div className="answer waiting" aria-hidden="true">
    <header className="answer-head">
      <Mark />
      <span className="answer-name">Keel</span>
    </header>
    <Dots />
  </div>
);

const Loading = (): ReactNode => (
  <div className="loading" role="status">
    <span className="visually-hidden">Loading the conversation</span>
    <i />
    <i />
    <i />
  </div>
);

const TurnView = ({
  turn,
  conversation,
  config,
  user,
}: Omit<Props, 'content' | 'free' | 'onAsk' | 'onEarlier'> & { turn: Turn }): ReactNode => {
  const { asking, working, versionsOf, authorOf } = conversation;
  const free = !asking.busy && !working;
  const versions = versionsOf(turn.anchor);
  return turn.kind === 'prompt' ? (
    <PromptView
      prompt={turn}
      author={authorOf(turn.id)}
      user={user}
      free={free}
      versions={versions}
      onEdit={asking.edit}
    />
  ) : (
    <AnswerView
      answer={turn}
      config={config}
      busy={asking.busy}
      free={free}
      versions={versions}
      onAnswer={asking.answerApproval}
      onRegenerate={asking.regenerate}
    />
  );
};

/** The conversation, from its first word to its last. */
export const Transcript = ({ conversation, config, user, content, free, onAsk, onEarlier }: Props): ReactNode => {
  const { turns, loaded, hasEarlier, loadingEarlier, loadEarlier, waiting } = conversation;
  return (
    <div className="transcript" ref={content}>
      {hasEarlier && loaded && (
        <button
          type="button"
          className="button earlier"
          disabled={loadingEarlier}
          onClick={() => {
            onEarlier();
            loadEarlier();
          }}
        >
          {loadingEarlier ? 'Loading…' : 'Earlier messages'}
        </button>
      )}
      {!loaded && turns.length === 0 && <Loading />}
      {loaded && turns.length === 0 && !waiting && (
        <Welcome tools={config.tools ?? false} free={free} onSuggest={onAsk} />
      )}
      <div className="turns" role="log" aria-live="polite" aria-label="Conversation" data-testid="messages">
        {turns.map((turn) => (
          <TurnView key={turn.id} turn={turn} conversation={conversation} config={config} user={user} />
        ))}
      </div>
      {waiting && <Waiting />}
    </div>
  );
};
