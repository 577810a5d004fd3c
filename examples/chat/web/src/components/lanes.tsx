import type { ReactNode } from 'react';

import type { Config } from '../api';
import { useKeptLanes } from '../hooks/use-kept-lanes';
import { readable } from '../origin';
import type { Lane } from '../transcript';
import { AttemptBadge } from './attempt-badge';
import { COLOURS } from './avatar';
import { Dots } from './dots';
import { DoneIcon } from './icons';
import { MessageView } from './message';
import { TemporalLink } from './temporal-link';

interface Props {
  lanes: readonly Lane[];
  working: boolean;
  config: Config;
  runId: string;
  busy: boolean;
  onAnswer: (approvalId: string, approved: boolean) => void;
}

type LaneProps = Omit<Props, 'lanes' | 'working'> & { lane: Lane; tone: number };

const LaneView = ({ lane: { id, agent, entries }, tone, config, runId, busy, onAnswer }: LaneProps): ReactNode => {
  const writing = entries.length === 0 || entries.some(({ streaming }) => streaming);
  const name = readable(agent);
  return (
    <div className={`lane tone-${String(tone)}`} role="group" aria-label={name} data-testid="lane" data-agent={agent}>
      <header className="lane-head">
        <h2>{name}</h2>
        <AttemptBadge attempt={Math.max(1, ...entries.map(({ origin }) => origin.attempt))} />
        <span className="lane-state">
          {writing ? (
            <Dots label="writing" />
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
        <TemporalLink config={config} workflowId={entries.at(-1)?.origin.workflowId ?? id} label="Workflow" />
      </footer>
    </div>
  );
};

/** Sub-agents, side by side; one below another where there is no room. */
export const Lanes = ({ lanes, working, ...rest }: Props): ReactNode => {
  const kept = useKeptLanes(lanes, working);
  return (
    <div className="lanes" data-testid="lanes" data-count={kept.length}>
      {kept.map((lane, index) => (
        <LaneView key={lane.id} lane={lane} tone={index % COLOURS} {...rest} />
      ))}
    </div>
  );
};
