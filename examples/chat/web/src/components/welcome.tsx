import type { ReactNode } from 'react';

import type { Mode } from '../mode';
import { Mark, TeamIcon } from './icons';

interface Suggestion {
  title: string;
  text: string;
  mode: Mode;
}

const FIRST: readonly Suggestion[] = [
  { title: 'Start simple', text: 'Tell me a story about a lighthouse keeper.', mode: 'answer' },
  { title: 'Ask the whole team', text: 'Why is the sky blue?', mode: 'team' },
];

const WORDS: readonly Suggestion[] = [
  { title: 'Explain', text: 'How does a ship find its way at night?', mode: 'answer' },
  { title: 'Write', text: 'Write a letter to a friend at sea.', mode: 'answer' },
  { title: 'Wonder', text: 'What lives at the bottom of the ocean?', mode: 'answer' },
];

const TOOLS: readonly Suggestion[] = [
  { title: 'Use a tool', text: 'What is the weather in Oslo?', mode: 'answer' },
  { title: 'Ask your browser', text: 'What time is it where I am?', mode: 'answer' },
  { title: 'Approve first', text: 'Send the release note to everyone.', mode: 'answer' },
];

interface Props {
  tools: boolean;
  free: boolean;
  onSuggest: (text: string, mode: Mode) => void;
}

/** An empty chat: what this is, and how to begin. */
export const Welcome = ({ tools, free, onSuggest }: Props): ReactNode => (
  <div className="welcome">
    <Mark />
    <h2>Ask. Then break things.</h2>
    <p>Cut the network, kill the worker, open this chat on your phone: the answer stays on course, word for word.</p>
    <ul className="suggestions" aria-label="Suggestions">
      {[...FIRST, ...(tools ? TOOLS : WORDS)].map(({ title, text, mode }) => (
        <li key={text}>
          <button
            type="button"
            className="suggestion"
            data-testid="suggestion"
            data-mode={mode}
            disabled={!free}
            onClick={() => {
              onSuggest(text, mode);
            }}
          >
            <span className="suggestion-title">
              {title}
              {mode === 'team' && <TeamIcon />}
            </span>
            <span>{text}</span>
          </button>
        </li>
      ))}
    </ul>
  </div>
);
