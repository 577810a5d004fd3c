/** What this page has answered to the agent's tool calls, and has not sent yet. */

import type { CodecMessage } from '@ably/ai-transport';
import { getToolName, isToolUIPart, type UIMessage } from 'ai';

import { isBrowserTool } from './browser-tools';

const ANSWERED = new Set(['approval-responded', 'output-available', 'output-error']);
const OPEN = new Set(['input-streaming', 'input-available', 'approval-requested']);

type ToolPart = Extract<UIMessage['parts'][number], { toolCallId: string }>;

const toolParts = ({ parts }: UIMessage): ToolPart[] => parts.filter((part) => isToolUIPart(part));

const awaitsThePage = (part: ToolPart): boolean =>
  part.state === 'approval-requested' || (part.state === 'input-available' && isBrowserTool(getToolName(part)));

/**
 * Whether useChat should send by itself.
 *
 * The AI SDK's own helpers say yes whenever the last tool calls have results, whoever gave them; the chat transport then
 * finds nothing to send, and useChat asks again, for ever. So: only with an answer that the channel lacks.
 */
export const hasUnsentAnswers = (held: readonly UIMessage[], shown: readonly CodecMessage<UIMessage>[]): boolean => {
  if (held.at(-1)?.role !== 'assistant') return false;
  const onChannel = new Map(shown.flatMap(({ message }) => toolParts(message).map((part) => [part.toolCallId, part])));
  return held.some((message) => {
    const parts = toolParts(message);
    if (parts.some(awaitsThePage)) return false;
    return parts.some((part) => {
      const there = onChannel.get(part.toolCallId);
      return ANSWERED.has(part.state) && there !== undefined && OPEN.has(there.state);
    });
  });
};
