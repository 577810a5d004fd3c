import * as Ably from 'ably';
import { useCallback, useEffect, useState } from 'react';

import type { Address } from '../address';
import type { Config } from '../api';

/** A demonstration should not take Ably's 15 or 30 s to notice that the network is back. */
const RETRY_MS = 2000;

const clientOptions = ({ endpoint, port, tls }: Config, { chat, user }: Address): Ably.ClientOptions => ({
  authUrl: new URL('/api/token', window.location.href).href,
  authParams: { chat, user },
  clientId: user,
  disconnectedRetryTimeout: RETRY_MS,
  suspendedRetryTimeout: RETRY_MS,
  // The local stand-in for Ably is one server: no fallback hosts, and no other transport than WebSocket.
  ...(endpoint !== null && {
    endpoint,
    tls,
    ...(port !== null && { port, tlsPort: port }),
    transports: ['web_socket'] as Ably.Transport[],
    disableConnectivityCheck: true,
  }),
});

/** One connection of this page. The generation counts them: a new one needs a new session. */
export interface Line {
  client: Ably.Realtime;
  generation: number;
}

export interface Realtime {
  line: Line | null;
  /** Begin anew with a new connection, and so with a new session, which reads the history. */
  renew: () => void;
}

/** This page's connection to Ably. */
export const useRealtime = (config: Config, address: Address): Realtime => {
  const [generation, setGeneration] = useState(0);
  const [line, setLine] = useState<Line | null>(null);

  useEffect(() => {
    const client = new Ably.Realtime(clientOptions(config, address));
    setLine({ client, generation });
    return () => {
      client.close();
    };
  }, [config, address, generation]);

  const renew = useCallback(() => {
    setGeneration((count) => count + 1);
  }, []);
  return { line, renew };
};
