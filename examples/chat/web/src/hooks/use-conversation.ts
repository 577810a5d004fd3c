import { sessionName, type Address } from '../address';
import type { Conversation } from '../conversation';
import { turnsOf, workingRuns } from '../transcript';
import type { Waker } from '../waker';
import { useAsking } from './use-asking';
import { useAuthors } from './use-authors';
import { useConnection } from './use-connection';
import { useGap } from './use-gap';
import { useHistory } from './use-history';
import { usePeople } from './use-people';
import { useRefused } from './use-refused';

/** All that is to be known of one chat. */
export const useConversation = ({ chat, user }: Address, waker: Waker, renew: () => void): Conversation => {
  const { view, loaded } = useHistory();
  const runs = view.runs();
  const working = workingRuns(runs);
  const asking = useAsking({ chat, user, view, working, waker });
  const connection = useConnection();
  const people = usePeople(user);
  const authors = useAuthors();
  const refused = useRefused();
  useGap(sessionName(chat), renew);

  const turns = turnsOf(view.messages, runs, view.runOf);
  const newest = turns.at(-1);
  return {
    turns,
    loaded,
    hasEarlier: view.hasOlder,
    loadingEarlier: view.loading,
    loadEarlier: () => void view.loadOlder(),
    historyFailed: view.loadError !== undefined,
    working: asking.busy || working.length > 0,
    waiting: asking.status === 'submitted' && !(newest?.kind === 'answer' && newest.working),
    asking,
    connection,
    refused: refused || connection.state === 'failed',
    renew,
    people,
    authorOf: (codecMessageId) => authors.get(codecMessageId) ?? user,
    versionsOf: (codecMessageId) => {
      const { index, siblings, select } = view.branchSelection(codecMessageId);
      return { index, count: siblings.length, select };
    },
  };
};
