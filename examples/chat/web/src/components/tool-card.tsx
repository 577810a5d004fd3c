import { getToolName, type DynamicToolUIPart, type ToolUIPart } from 'ai';
import type { ReactNode } from 'react';

import { readable } from '../origin';

type ToolPart = ToolUIPart | DynamicToolUIPart;

interface Props {
  part: ToolPart;
  /** A request of this page is under way: it can send no answer now. */
  busy: boolean;
  onAnswer: (approvalId: string, approved: boolean) => void;
}

const STATES: Record<ToolPart['state'], string> = {
  'input-streaming': 'preparing',
  'input-available': 'running',
  'approval-requested': 'needs your approval',
  'approval-responded': 'approved',
  'output-available': 'done',
  'output-error': 'failed',
  'output-denied': 'not allowed',
};

const stateOf = (part: ToolPart): string =>
  part.state === 'approval-responded' && !part.approval.approved ? STATES['output-denied'] : STATES[part.state];

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const plain = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value, null, 1));

/** A tool's input or output: an object as names and values, all else as it is. */
const Values = ({ value }: { value: unknown }): ReactNode => {
  if (value === undefined || value === null || (isRecord(value) && Object.keys(value).length === 0)) return null;
  if (!isRecord(value)) return <p className="values-text">{plain(value)}</p>;
  return (
    <dl className="values">
      {Object.entries(value).map(([name, item]) => (
        <div key={name}>
          <dt>{readable(name)}</dt>
          <dd>{plain(item)}</dd>
        </div>
      ))}
    </dl>
  );
};

const Approval = ({ part, busy, onAnswer }: Props): ReactNode => {
  if (part.state !== 'approval-requested') return null;
  const { id } = part.approval;
  const answer = (approved: boolean) => () => {
    onAnswer(id, approved);
  };
  return (
    <div className="approval" role="group" aria-label={`Allow: ${readable(getToolName(part))}?`}>
      <button type="button" className="button primary" data-testid="approve" disabled={busy} onClick={answer(true)}>
        Approve
      </button>
      <button type="button" className="button" data-testid="deny" disabled={busy} onClick={answer(false)}>
        Deny
      </button>
    </div>
  );
};

/** A call of a tool: what it is asked, what came of it, and the question whether it may. */
export const ToolCard = ({ part, busy, onAnswer }: Props): ReactNode => {
  const name = getToolName(part);
  return (
    <div
      className="tool"
      role="group"
      aria-label={`Tool: ${readable(name)}`}
      data-testid="tool"
      data-tool={name}
      data-state={part.state}
      data-tool-call-id={part.toolCallId}
    >
      <header>
        <span className="tool-name">{readable(name)}</span>
        <span className="tool-state">{stateOf(part)}</span>
      </header>
      <Values value={part.input} />
      {part.state === 'output-available' && (
        <div className="tool-output">
          <Values value={part.output} />
        </div>
      )}
      {part.state === 'output-error' && <p className="tool-error">{part.errorText}</p>}
      <Approval part={part} busy={busy} onAnswer={onAnswer} />
    </div>
  );
};
