import { useEffect, useState, type ReactNode } from 'react';

import { href, readAddress } from './address';
import { Chat } from './components/chat';
import { Mark } from './components/icons';
import { useConfig } from './hooks/use-config';

/** Shown while the backend says nothing, or when it says nothing at all. */
const Splash = ({ failed, onTryAgain }: { failed: boolean; onTryAgain: () => void }): ReactNode => (
  <main className="splash" aria-busy={!failed}>
    <Mark />
    {failed ? (
      <div role="alert" data-testid="notice" data-kind="no-backend">
        <h1>The chat is not answering.</h1>
        <p>Its backend cannot be reached. If you run it yourself, see whether it is up.</p>
        <button type="button" className="button primary" data-testid="try-again" onClick={onTryAgain}>
          Try again
        </button>
      </div>
    ) : (
      <p className="visually-hidden">Loading</p>
    )}
  </main>
);

/** The page: the chat, once the backend has told where everything is. */
export const App = (): ReactNode => {
  const [address] = useState(() => readAddress(window.location.search));
  const { config, failed, tryAgain } = useConfig(address.user);

  useEffect(() => {
    if (!address.complete) window.history.replaceState(null, '', href(address));
  }, [address]);

  return config ? <Chat config={config} address={address} /> : <Splash failed={failed} onTryAgain={tryAgain} />;
};
