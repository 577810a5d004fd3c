import { useView } from '@ably/ai-transport/vercel/react';
import { useEffect, useRef, useState } from 'react';

/** Messages a page of history. */
const PAGE = 100;

export type View = ReturnType<typeof useView>;

export interface History {
  view: View;
  /** The newest page is here, or could not be had. */
  loaded: boolean;
}

/** The conversation, of which the newest page is loaded at once. */
export const useHistory = (): History => {
  const view = useView({ limit: PAGE });
  const [loaded, setLoaded] = useState(false);
  const began = useRef(false);

  useEffect(() => {
    if (view.loading) began.current = true;
    else if (began.current) setLoaded(true);
  }, [view.loading]);
  return { view, loaded };
};
