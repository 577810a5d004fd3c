import { useCallback, useEffect, useState, type ReactNode } from 'react';

import type { Address } from '../address';
import type { Config } from '../api';
import type { Conversation } from '../conversation';
import { useEscape } from '../hooks/use-escape';
import { useStickToBottom } from '../hooks/use-stick-to-bottom';
import { useStopping } from '../hooks/use-stopping';
import { useTheme } from '../hooks/use-theme';
import { useWorkbench } from '../hooks/use-workbench';
import type { Mode } from '../mode';
import { Announcer } from './announcer';
import { Composer } from './composer';
import { Header } from './header';
import { DownIcon } from './icons';
import { Notices } from './notice';
import { Session } from './session';
import { Transcript } from './transcript';
import { Workbench } from './workbench';

interface Props {
  config: Config;
  address: Address;
}

const nothing = (): void => undefined;

/** The chat's page. */
export const Chat = ({ config, address }: Props): ReactNode => {
  const { user, chat } = address;
  const [conversation, setConversation] = useState<Conversation | null>(null);
  const [draft, setDraft] = useState('');
  const [mode, setMode] = useState<Mode>('answer');
  const { theme, toggle } = useTheme();
  const place = useWorkbench();
  const { frame, content, atBottom, toBottom, keepPlace } = useStickToBottom((conversation?.turns.length ?? 0) > 0);
  const { stopping, askToStop } = useStopping(conversation?.working ?? false, conversation?.asking.stop ?? nothing);
  useEscape(askToStop);

  const free = conversation !== null && !conversation.asking.busy && !conversation.refused;
  const ask = useCallback(
    (text: string, asked: Mode) => {
      if (!free || text.trim() === '') return;
      conversation.asking.send(text.trim(), asked);
      setDraft('');
      toBottom();
    },
    [free, conversation, toBottom],
  );

  // What could not be sent goes back to where it was written.
  const failure = conversation?.asking.failure;
  useEffect(() => {
    if (failure?.kind === 'not-sent') setDraft((written) => (written === '' ? failure.text : written));
  }, [failure]);

  return (
    <div
      className="page"
      data-testid="chat"
      data-chat={chat}
      data-user={user}
      data-loaded={conversation?.loaded ?? false}
    >
      <a className="skip" href="#composer">
        Skip to your message
      </a>
      <Session config={config} address={address} onChange={setConversation} />
      <Header
        address={address}
        people={conversation?.people ?? [user]}
        connection={conversation?.connection ?? null}
        theme={theme}
        onTheme={toggle}
        place={place}
      />
      <main className="main">
        <div className="frame" ref={frame}>
          {conversation && (
            <Transcript
              conversation={conversation}
              config={config}
              user={user}
              content={content}
              free={free}
              onAsk={ask}
              onEarlier={keepPlace}
            />
          )}
        </div>
        {conversation && <Announcer conversation={conversation} />}
        <div className="dock">
          {!atBottom && (
            <button type="button" className="button to-bottom" onClick={toBottom}>
              <DownIcon />
              Latest
            </button>
          )}
          {conversation && <Notices conversation={conversation} />}
          <Composer
            draft={draft}
            onDraft={setDraft}
            mode={mode}
            onMode={setMode}
            free={free}
            working={conversation?.working ?? false}
            stopping={stopping}
            onSend={() => {
              ask(draft, mode);
            }}
            onStop={askToStop}
          />
        </div>
      </main>
      <Workbench config={config} user={user} conversation={conversation} place={place} />
    </div>
  );
};
