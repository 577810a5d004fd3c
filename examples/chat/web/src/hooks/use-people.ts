import { useClientSession } from '@ably/ai-transport/vercel/react';
import { useEffect, useState } from 'react';

/** Who is in this chat: client ids, in order, this page's own first. */
export const usePeople = (user: string): string[] => {
  const { session, sessionError } = useClientSession();
  const [people, setPeople] = useState<string[]>([user]);

  useEffect(() => {
    if (sessionError) return;
    const { presence } = session;
    let current = true;
    const refresh = (): void => {
      // Without presence, or without a network, the page shows whom it has seen last.
      presence.get().then(
        (members) => {
          const others = new Set(members.map(({ clientId }) => clientId).filter((clientId) => clientId !== user));
          if (current) setPeople([user, ...[...others].sort()]);
        },
        () => undefined,
      );
    };
    const ignore = (): void => undefined;
    presence.subscribe(refresh).then(refresh, ignore);
    presence.enter().then(refresh, ignore);
    return () => {
      current = false;
      presence.unsubscribe(refresh);
      presence.leave().catch(ignore);
    };
  }, [session, sessionError, user]);
  return people;
};
