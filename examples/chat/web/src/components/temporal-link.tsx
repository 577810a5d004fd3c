import type { ReactNode } from 'react';

import { workflowLink, type Config } from '../api';
import { LeaveIcon } from './icons';

interface Props {
  config: Config;
  workflowId: string;
  label: string;
}

/** Leads to a workflow in Temporal's own user interface. */
export const TemporalLink = ({ config, workflowId, label }: Props): ReactNode => {
  const link = workflowLink(config, workflowId);
  return (
    link !== null && (
      <a
        className="action"
        href={link}
        target="_blank"
        rel="noreferrer"
        title={`Workflow ${workflowId}`}
        data-testid="temporal-link"
      >
        <LeaveIcon />
        {label}
      </a>
    )
  );
};
