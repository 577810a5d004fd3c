import type { KeyboardEvent, ReactNode } from 'react';

import { useAutoGrow } from '../hooks/use-auto-grow';
import type { Mode } from '../mode';
import { SendIcon, StopIcon, TeamIcon } from './icons';

interface Props {
  draft: string;
  onDraft: (text: string) => void;
  mode: Mode;
  onMode: (mode: Mode) => void;
  /** This page may send. */
  free: boolean;
  /** There is something to stop. */
  working: boolean;
  stopping: boolean;
  onSend: () => void;
  onStop: () => void;
}

/** Where a user writes. Enter sends, Shift and Enter begin a new line. */
export const Composer = (props: Props): ReactNode => {
  const { draft, onDraft, mode, onMode, free, working, stopping, onSend, onStop } = props;
  const area = useAutoGrow(draft);
  const team = mode === 'team';

  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    onSend();
  };
  return (
    <form
      className="composer"
      aria-label="Your message"
      onSubmit={(event) => {
        event.preventDefault();
        onSend();
      }}
    >
      <textarea
        id="composer"
        ref={area}
        rows={1}
        value={draft}
        autoFocus
        placeholder={team ? 'Ask the team…' : 'Ask anything…'}
        aria-label="Message"
        aria-describedby="composer-help"
        data-testid="composer"
        onChange={(event) => {
          onDraft(event.target.value);
        }}
        onKeyDown={onKeyDown}
      />
      <div className="composer-row">
        <button
          type="button"
          className="chip"
          aria-pressed={team}
          data-testid="mode-team"
          title="Three agents answer side by side, the assistant sums up"
          onClick={() => {
            onMode(team ? 'answer' : 'team');
          }}
        >
          <TeamIcon />
          Team
        </button>
        <span id="composer-help" className="composer-help">
          <kbd>Enter</kbd> sends · <kbd>Shift Enter</kbd> new line · <kbd>Esc</kbd> stops
        </span>
        {working && (
          <button
            type="button"
            className="round stop"
            aria-label={stopping ? 'Stopping' : 'Stop'}
            title="Stop (Esc)"
            data-testid="stop"
            onClick={onStop}
          >
            <StopIcon />
          </button>
        )}
        <button
          type="submit"
          className="round send"
          aria-label="Send"
          title="Send (Enter)"
          data-testid="send"
          disabled={!free || draft.trim() === ''}
        >
          <SendIcon />
        </button>
      </div>
    </form>
  );
};
