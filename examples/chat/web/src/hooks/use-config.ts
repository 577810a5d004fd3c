import { useCallback, useEffect, useState } from 'react';

import { readConfig, type Config } from '../api';

export interface ConfigState {
  config: Config | null;
  failed: boolean;
  tryAgain: () => void;
}

/** What the backend says about itself, asked for once. */
export const useConfig = (user: string): ConfigState => {
  const [config, setConfig] = useState<Config | null>(null);
  const [failed, setFailed] = useState(false);
  const [tries, setTries] = useState(0);

  useEffect(() => {
    let current = true;
    readConfig(user).then(
      (read) => {
        if (current) setConfig(read);
      },
      () => {
        if (current) setFailed(true);
      },
    );
    return () => {
      current = false;
    };
  }, [user, tries]);

  const tryAgain = useCallback(() => {
    setFailed(false);
    setTries((count) => count + 1);
  }, []);
  return { config, failed, tryAgain };
};
