import { useAbly } from 'ably/react';
import { useEffect } from 'react';

/**
 * Tell when messages were missed for good: the connection was away for longer than Ably keeps it.
 *
 * A session of version 0.8 reports that and goes on with a hole in it; a new session reads the history instead.
 */
export const useGap = (channelName: string, onGap: () => void): void => {
  const client = useAbly();

  useEffect(() => {
    const channel = client.channels.get(channelName);
    let attached = channel.state === 'attached';
    const listen: Parameters<typeof channel.on>[0] = ({ current, resumed }) => {
      if (current !== 'attached') return;
      if (attached && !resumed) onGap();
      attached = true;
    };
    channel.on(listen);
    return () => {
      channel.off(listen);
    };
  }, [client, channelName, onGap]);
};
