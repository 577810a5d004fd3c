import { useCallback, useEffect, useState } from 'react';

/** Whether a stop was asked for and has not happened yet. */
export const useStopping = (working: boolean, stop: () => void): { stopping: boolean; askToStop: () => void } => {
  const [stopping, setStopping] = useState(false);

  useEffect(() => {
    if (!working) setStopping(false);
  }, [working]);

  const askToStop = useCallback(() => {
    if (!working) return;
    setStopping(true);
    stop();
  }, [working, stop]);
  return { stopping, askToStop };
};
