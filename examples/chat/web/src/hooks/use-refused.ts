import { ErrorCode } from '@ably/ai-transport';
import { useClientSession } from '@ably/ai-transport/vercel/react';
import { useEffect, useState } from 'react';

/** Ably's codes for what a token does not allow. */
const isRefusal = ({ statusCode }: { statusCode?: number }): boolean => statusCode === 401 || statusCode === 403;

/** Whether the channel, not the network, keeps this page out. */
export const useRefused = (): boolean => {
  const { session, sessionError } = useClientSession();
  const [refused, setRefused] = useState(false);

  useEffect(() => {
    if (sessionError) return;
    return session.on('error', (error) => {
      // The errors of answers come this way, too.
      if (error.code === ErrorCode.SessionSubscriptionError && isRefusal(error.cause ?? error)) setRefused(true);
    });
  }, [session, sessionError]);
  return refused;
};
