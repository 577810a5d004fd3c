import type { ReactNode } from 'react';

import type { Config } from '../api';
import { readable } from '../origin';
import type { Lane } from '../transcript';
import { AttemptBadge } from './attempt-badge';
import { DoneIcon } from './icons';
import { MessageView } from './message';
import { TemporalLink } from './temporal-link';

interface Props {
  lanes: readonly Lane[];
  config: Config;
  runId: string;
  busy: boolean;
  onAnswer: (approvalId: string, approved: boolean) => void;
}

type LaneProps = Omit<Props, 'lanes'> & { lane: Lane; tone: number };

const LaneView = ({ lane: { agent, entries }, tone, config, runId, busy, onAnswer }: LaneProps): ReactNode => {
  const newest = entries.at(-1);
  const writing = entries.some(({ streaming }) => streaming);
  const name = readable(agent);
  return (
    <section className={`lane tone-${String(tone)}`} aria-label={name} data-testid="lane" data-agent={agent}>
      <header className="lane-head">
        <h3>{name}</h3>
        <AttemptBadge attempt={Math.max(...entries.map(({ origin }) => origin.attempt))} />
        <span className="lane-state">
          {writing ? (
            <span className="dots" role="img" aria-label="writing">
              <i />
              <i />
              <i />
            </span>
          ) : (
            <span className="lane-done" role="img" aria-label="done">
              <DoneIcon />
            </span>
          )}
        </span>
      </header>
      {entries.map((entry) => (
        <MessageView key={entry.id} entry={entry} name={name} runId={runId} busy={busy} onAnswer={onAnswer} />
      ))}
      <footer className="actions">
        <TemporalLink config={config} workflowId={newest?.origin.workflowId ?? ''} label="Workflow" />
      </footer>
    </section>
  );
};

/** Sub-agents, side by side; one below another where there is no room. */
export const Lanes = ({ lanes, ...rest }: Props): ReactNode => (
  <div className="lanes" data-testid="lanes" data-count={lanes.length}>
    {lanes.map((lane, index) => (
      <LaneView key={lane.entries[0]?.id ?? lane.agent} lane={lane} tone={index % 5} {...rest} />
    ))}
  </div>
);
