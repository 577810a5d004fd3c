import type { CodecMessage, RunInfo } from '@ably/ai-transport';
import { getToolName, isToolUIPart, type ChatAddToolOutputFunction, type UIMessage } from 'ai';
import { useEffect, useRef } from 'react';

import { isBrowserTool, runBrowserTool } from '../browser-tools';

interface Options {
  messages: readonly CodecMessage<UIMessage>[];
  runOf: (codecMessageId: string) => RunInfo | undefined;
  user: string;
  /** useChat can take a result now. */
  ready: boolean;
  addToolOutput: ChatAddToolOutputFunction<UIMessage>;
}

/**
 * Run the tools that the agent calls in the browser of the user who asked.
 *
 * The calls are found in the conversation, not by useChat's `onToolCall`: a page that was loaded after the call has to
 * answer it too.
 */
export const useBrowserTools = ({ messages, runOf, user, ready, addToolOutput }: Options): void => {
  const done = useRef(new Set<string>());

  useEffect(() => {
    if (!ready) return;
    for (const { codecMessageId, message } of messages) {
      const run = runOf(codecMessageId);
      if (run?.status !== 'suspended' || run.clientId !== user) continue;
      for (const part of message.parts) {
        if (!isToolUIPart(part) || part.state !== 'input-available' || done.current.has(part.toolCallId)) continue;
        const tool = getToolName(part);
        if (!isBrowserTool(tool)) continue;
        done.current.add(part.toolCallId);
        answer(tool, part.toolCallId, addToolOutput);
      }
    }
  });
};

const answer = (tool: string, toolCallId: string, addToolOutput: Options['addToolOutput']): void => {
  try {
    void addToolOutput({ tool, toolCallId, output: runBrowserTool(tool) });
  } catch (error) {
    void addToolOutput({ state: 'output-error', tool, toolCallId, errorText: String(error) });
  }
};
