import { ChatTransportProvider } from '@ably/ai-transport/vercel/react';
import { AblyProvider } from 'ably/react';
import { memo, useEffect, useState, type ReactNode } from 'react';

import { sessionName, type Address } from '../address';
import type { Config } from '../api';
import type { Conversation } from '../conversation';
import { useConversation } from '../hooks/use-conversation';
import { useRealtime } from '../hooks/use-realtime';
import { modeOfNewest } from '../mode';
import { Waker } from '../waker';

interface Props {
  config: Config;
  address: Address;
  onChange: (conversation: Conversation) => void;
}

type ChatOptions = NonNullable<Parameters<typeof ChatTransportProvider>[0]['chatOptions']>;

const CHAT_OPTIONS: ChatOptions = {
  prepareSendMessagesRequest: ({ history, messages }) => ({ body: { mode: modeOfNewest([...history, ...messages]) } }),
};

interface TellerProps {
  address: Address;
  waker: Waker;
  /** This session takes the place of another, which is shown until this one has read the history. */
  heir: boolean;
  renew: () => void;
  onChange: Props['onChange'];
}

/** Tell of every change. */
const Teller = ({ address, waker, heir, renew, onChange }: TellerProps): ReactNode => {
  const conversation = useConversation(address, waker, renew);
  useEffect(() => {
    if (!heir || conversation.loaded) onChange(conversation);
  });
  return null;
};

/**
 * The connection to the chat's session. It shows nothing: the page shows what it tells.
 *
 * So the page, with all that a user is just doing in it, stays when the session has to be replaced by a new one.
 */
export const Session = memo(({ config, address, onChange }: Props): ReactNode => {
  const { line, renew } = useRealtime(config, address);
  const [waker] = useState(() => new Waker());
  if (!line) return null;
  return (
    <AblyProvider key={line.generation} client={line.client}>
      <ChatTransportProvider channelName={sessionName(address.chat)} fetch={waker.fetch} chatOptions={CHAT_OPTIONS}>
        <Teller address={address} waker={waker} heir={line.generation > 0} renew={renew} onChange={onChange} />
      </ChatTransportProvider>
    </AblyProvider>
  );
});
