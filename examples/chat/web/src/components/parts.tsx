import { isToolUIPart, type UIMessage } from 'ai';
import type { ReactNode } from 'react';

import { Markdown } from '../markdown/markdown';
import { ToolCard } from './tool-card';

interface Props {
  parts: UIMessage['parts'];
  busy: boolean;
  onAnswer: (approvalId: string, approved: boolean) => void;
}

type PartProps = Omit<Props, 'parts'> & { part: UIMessage['parts'][number] };

const PartView = ({ part, busy, onAnswer }: PartProps): ReactNode => {
  if (isToolUIPart(part)) return <ToolCard part={part} busy={busy} onAnswer={onAnswer} />;
  switch (part.type) {
    case 'text':
      return <Markdown text={part.text} />;
    case 'reasoning':
      return (
        part.text !== '' && (
          <details className="reasoning" data-testid="reasoning">
            <summary>Thinking</summary>
            <Markdown text={part.text} />
          </details>
        )
      );
    case 'source-url':
      return (
        <p className="source">
          <a href={part.url} target="_blank" rel="noreferrer">
            {part.title ?? part.url}
          </a>
        </p>
      );
    case 'file':
      return part.mediaType.startsWith('image/') ? (
        <img className="file" src={part.url} alt={part.filename ?? 'A picture from the assistant'} />
      ) : (
        <p className="source">
          <a href={part.url}>{part.filename ?? 'A file'}</a>
        </p>
      );
    default:
      // Step marks and data of applications: nothing to read.
      return null;
  }
};

/** What a message is made of. */
export const Parts = ({ parts, busy, onAnswer }: Props): ReactNode =>
  parts.map((part, index) => <PartView key={index} part={part} busy={busy} onAnswer={onAnswer} />);
