import type * as Ably from 'ably';
import { useAbly } from 'ably/react';
import { useEffect, useState } from 'react';

export interface Connection {
  state: Ably.ConnectionState;
  reason: Ably.ErrorInfo | null;
  /** Do not wait for the next try. */
  reconnect: () => void;
}

/** The state of this page's connection. */
export const useConnection = (): Connection => {
  const client = useAbly();
  const read = (): Connection => ({
    state: client.connection.state,
    reason: client.connection.errorReason ?? null,
    reconnect: () => {
      client.connect();
    },
  });
  const [connection, setConnection] = useState(read);

  useEffect(() => {
    const update = (): void => {
      setConnection(read());
    };
    update();
    client.connection.on(update);
    return () => {
      client.connection.off(update);
    };
    // `read` is made anew by each render, and depends on nothing but the client.
  }, [client]);
  return connection;
};
