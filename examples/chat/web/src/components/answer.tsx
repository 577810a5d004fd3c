import type { ReactNode } from 'react';

import type { Config } from '../api';
import type { Versions } from '../conversation';
import { useSteadyHeight } from '../hooks/use-steady-height';
import { textOf, type Answer, type Entry, type Section } from '../transcript';
import { AttemptBadge } from './attempt-badge';
import { CopyButton } from './copy-button';
import { Dots } from './dots';
import { AgainIcon, Mark } from './icons';
import { Lanes } from './lanes';
import { MessageView } from './message';
import { TemporalLink } from './temporal-link';
import { VersionSwitch } from './version-switch';

interface Props {
  answer: Answer;
  config: Config;
  busy: boolean;
  /** The user may ask something else now. */
  free: boolean;
  versions: Versions;
  onAnswer: (approvalId: string, approved: boolean) => void;
  onRegenerate: (messageId: string) => void;
}

const entriesOf = (section: Section): Entry[] =>
  section.kind === 'main' ? [section.entry] : section.lanes.flatMap(({ entries }) => entries);

const mainEntries = ({ sections }: Answer): Entry[] =>
  sections.flatMap((section) => (section.kind === 'main' ? [section.entry] : []));

/** How an answer ended, if not well. */
const Ending = ({ status }: { status: Answer['status'] }): ReactNode => {
  if (status === 'cancelled') return <p className="ending">Stopped.</p>;
  if (status === 'suspended') return <p className="ending">Waiting for an answer.</p>;
  if (status === 'error') {
    return (
      <p className="ending is-error" role="alert">
        The assistant could not finish this answer.
      </p>
    );
  }
  return null;
};

/** One run: what was answered, by whom, how it went, and what to do with it. */
export const AnswerView = ({ answer, config, busy, free, versions, onAnswer, onRegenerate }: Props): ReactNode => {
  const box = useSteadyHeight(answer.working);
  const { anchor, runId, status, working, sections } = answer;
  const main = mainEntries(answer);
  const first = sections.flatMap(entriesOf).find((entry) => entry.id === anchor);
  const attempt = Math.max(1, ...main.map(({ origin }) => origin.attempt));
  return (
    <div
      ref={box}
      className="answer"
      role="group"
      aria-label="Answer"
      data-testid="answer"
      data-run-id={runId}
      data-run-status={status}
      data-working={working}
    >
      <header className="answer-head">
        <Mark />
        <span className="answer-name">Keel</span>
        <AttemptBadge attempt={attempt} />
      </header>
      {sections.map((section) =>
        section.kind === 'main' ? (
          <MessageView
            key={section.entry.id}
            entry={section.entry}
            name="Keel"
            runId={runId}
            busy={busy}
            onAnswer={onAnswer}
          />
        ) : (
          <Lanes
            key={section.id}
            lanes={section.lanes}
            working={working}
            config={config}
            runId={runId}
            busy={busy}
            onAnswer={onAnswer}
          />
        ),
      )}
      {working && sections.length === 0 && <Dots />}
      <Ending status={status} />
      <footer className="actions answer-actions">
        <VersionSwitch versions={versions} of="answer" />
        {!working && main.length > 0 && <CopyButton text={main.map(({ message }) => textOf(message)).join('\n\n')} />}
        {!working && first && (
          <button
            type="button"
            className="action"
            data-testid="regenerate"
            disabled={!free}
            onClick={() => {
              onRegenerate(first.message.id);
            }}
          >
            <AgainIcon />
            Answer again
          </button>
        )}
        <TemporalLink config={config} workflowId={main[0]?.origin.workflowId ?? ''} label="View in Temporal" />
      </footer>
    </div>
  );
};
