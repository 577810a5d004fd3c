import type { RunInfo } from '@ably/ai-transport';
import { useChatTransport, useMessageSync } from '@ably/ai-transport/vercel/react';
import { useChat } from '@ai-sdk/react';
import type { ChatStatus, UIMessage } from 'ai';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';

import { hasUnsentAnswers } from '../answers';
import { promptParts, type Mode } from '../mode';
import type { Waker } from '../waker';
import { useBrowserTools } from './use-browser-tools';
import type { View } from './use-history';

/** What went wrong with something that this page sent. */
export type Failure =
  /** The prompt is in the conversation, but the agent was not woken. */
  | { kind: 'not-woken' }
  /** The prompt is nowhere; `text` is what the user wrote. */
  | { kind: 'not-sent'; text: string };

export interface Asking {
  status: ChatStatus;
  /** What useChat itself holds; the page shows the view instead, which also has what others ask and what sub-agents say. */
  held: readonly UIMessage[];
  /** A request of this page is under way: useChat takes no other. */
  busy: boolean;
  failure: Failure | null;
  send: (text: string, mode: Mode) => void;
  edit: (messageId: string, text: string, mode: Mode) => void;
  regenerate: (messageId: string) => void;
  answerApproval: (approvalId: string, approved: boolean) => void;
  stop: () => void;
  tryAgain: () => void;
  dismiss: () => void;
}

interface Options {
  chat: string;
  user: string;
  view: View;
  /** The runs of which more is to come. */
  working: readonly RunInfo[];
  waker: Waker;
}

/** All that a user does in a chat, through the AI SDK's useChat. */
export const useAsking = ({ chat, user, view, working, waker }: Options): Asking => {
  const { chatTransport, session } = useChatTransport();
  const [failure, setFailure] = useState<Failure | null>(null);
  const going = useRef(working);
  going.current = working;

  const {
    messages,
    status,
    setMessages,
    sendMessage,
    regenerate,
    stop,
    clearError,
    addToolOutput,
    addToolApprovalResponse,
  } = useChat({
    id: chat,
    transport: chatTransport,
    sendAutomaticallyWhen: ({ messages: held }) => hasUnsentAnswers(held, session.view.getMessages()),
    onError: () => {
      // Most errors only say that useChat's own stream broke off, and the view goes on without it.
      if (waker.hasFailed) setFailure({ kind: 'not-woken' });
    },
  });
  useMessageSync({ setMessages });

  const busy = status === 'submitted' || status === 'streaming';
  useBrowserTools({ messages: view.messages, runOf: view.runOf, user, ready: !busy, addToolOutput });

  // With the error gone, useChat is ready for the next prompt.
  useEffect(() => {
    if (status === 'error') clearError();
  }, [status, clearError]);

  const ask = useCallback(
    async (text: string, mode: Mode, messageId?: string): Promise<void> => {
      setFailure(null);
      const parts = promptParts(text, mode);
      const posts = waker.posts;
      await sendMessage(messageId === undefined ? { parts } : { messageId, parts }).catch(() => undefined);
      // The agent is woken only for what is on the channel.
      if (waker.posts === posts) setFailure({ kind: 'not-sent', text });
    },
    [sendMessage, waker],
  );

  const stopAll = useCallback(() => {
    // useChat stops the run that it asked for, even one that has not begun; the session stops whatever else is going on.
    if (busy) void stop();
    const runs = going.current;
    if (busy && runs.length === 1) return;
    for (const { runId } of runs) session.cancel(runId).catch(() => undefined);
  }, [busy, stop, session]);

  const tryAgain = useCallback(() => {
    setFailure(null);
    void waker.tryAgain().then((woken) => {
      if (!woken) setFailure({ kind: 'not-woken' });
    });
  }, [waker]);

  return useMemo(
    () => ({
      status,
      held: messages,
      busy,
      failure,
      send: (text, mode) => void ask(text, mode),
      edit: (messageId, text, mode) => void ask(text, mode, messageId),
      regenerate: (messageId) => {
        setFailure(null);
        // What useChat does not hold cannot be asked for anew; the next look at the view brings it.
        regenerate({ messageId }).catch(() => undefined);
      },
      answerApproval: (id, approved) => void addToolApprovalResponse({ id, approved }),
      stop: stopAll,
      tryAgain,
      dismiss: () => {
        setFailure(null);
      },
    }),
    [status, messages, busy, failure, ask, regenerate, addToolApprovalResponse, stopAll, tryAgain],
  );
};
