import { getTransportHeaders, HEADER_CODEC_MESSAGE_ID, HEADER_ROLE } from '@ably/ai-transport';
import { useClientSession } from '@ably/ai-transport/vercel/react';
import { useEffect, useState } from 'react';

/**
 * Who wrote each prompt: client ids by message.
 *
 * Ably vouches for them. The view of version 0.8 does not tell, so they are read off the messages that it is made of.
 */
export const useAuthors = (): ReadonlyMap<string, string> => {
  const { session, sessionError } = useClientSession();
  const [authors, setAuthors] = useState<ReadonlyMap<string, string>>(new Map());

  useEffect(() => {
    if (sessionError) return;
    return session.tree.on('ably-message', (message) => {
      const { [HEADER_CODEC_MESSAGE_ID]: id, [HEADER_ROLE]: role } = getTransportHeaders(message);
      const { clientId } = message;
      if (id === undefined || role !== 'user' || !clientId) return;
      setAuthors((known) => (known.has(id) ? known : new Map(known).set(id, clientId)));
    });
  }, [session, sessionError]);
  return authors;
};
