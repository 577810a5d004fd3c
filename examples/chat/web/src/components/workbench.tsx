import type { ReactNode } from 'react';

import type { Config } from '../api';
import type { Conversation } from '../conversation';
import { useSwitches } from '../hooks/use-switches';
import type { WorkbenchPlace } from '../hooks/use-workbench';
import { CloseIcon } from './icons';
import { Inspector } from './inspector';
import { Toggle } from './toggle';

/** As long as the backend allows: until somebody switches it back. */
const LONG_CUT_S = 120;
const SHORT_CUT_S = 5;

interface Props {
  config: Config;
  user: string;
  conversation: Conversation | null;
  place: WorkbenchPlace;
}

/** What breaks things on purpose. */
export const Workbench = ({ config, user, conversation, place }: Props): ReactNode => {
  const { failNextCall, killWorker, cutNetwork } = config.switches;
  const offered = Boolean(failNextCall ?? killWorker ?? cutNetwork);
  const { switches, failed, order } = useSwitches(offered);
  const missing = switches === null;
  const cut = switches?.cutNetwork[user] ?? false;
  const cutFor = (seconds: number): void => {
    order({ cutNetwork: { user, seconds } });
  };
  return (
    <aside
      id="workbench"
      ref={place.panel}
      className="workbench"
      aria-label="Break things"
      tabIndex={-1}
      data-testid="workbench"
      hidden={!place.open}
      onKeyDown={place.onKeyDown}
    >
      <header className="workbench-head">
        <h2>Break things</h2>
        <button type="button" className="tool-button large" aria-label="Close" onClick={place.close}>
          <CloseIcon />
        </button>
      </header>
      {failed && <p className="breaker-note">The switches do not answer.</p>}
      {!offered && <p className="breaker-note">This backend has nothing to break.</p>}
      {cutNetwork && (
        <>
          <Toggle
            title="Cut the network"
            text={cut ? 'This page is cut off.' : 'This page hears nothing until you switch it back.'}
            on={cut}
            disabled={missing}
            testId="switch-network"
            onToggle={() => {
              cutFor(cut ? 0 : LONG_CUT_S);
            }}
          />
          <button
            type="button"
            className="button breaker-extra"
            disabled={missing || cut}
            data-testid="cut-briefly"
            onClick={() => {
              cutFor(SHORT_CUT_S);
            }}
          >
            Cut it for {SHORT_CUT_S} seconds
          </button>
        </>
      )}
      {failNextCall && (
        <Toggle
          title="Fail the next model call"
          text={
            switches?.failNextCall
              ? 'The next answer will break off.'
              : 'It breaks off in mid-sentence; Temporal tries again.'
          }
          on={switches?.failNextCall ?? false}
          disabled={missing}
          testId="switch-fail"
          onToggle={() => {
            order({ failNextCall: !switches?.failNextCall });
          }}
        />
      )}
      {killWorker && (
        <div className="breaker">
          <div className="breaker-words">
            <h3>Kill the worker</h3>
            <p>
              {switches && !switches.workerRunning
                ? 'It is dead. Another one is starting.'
                : 'The process dies at once; another one takes over.'}
            </p>
          </div>
          <button
            type="button"
            className="button danger"
            disabled={missing || !switches.workerRunning}
            data-testid="kill-worker"
            data-kills={switches?.workerKills ?? 0}
            onClick={() => {
              order({ killWorker: true });
            }}
          >
            Kill
          </button>
        </div>
      )}
      {conversation && <Inspector conversation={conversation} />}
    </aside>
  );
};
