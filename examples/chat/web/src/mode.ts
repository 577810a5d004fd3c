/**
 * Who is asked: the assistant alone, or its team.
 *
 * The choice travels as a data part of the user's message, so that it is still known after a reload, to a second person,
 * and when the answer is asked for again. The API gets it in the body of the post.
 */

import type { UIMessage } from 'ai';

export type Mode = 'answer' | 'team';

type Part = UIMessage['parts'][number];

const MODE_PART = 'data-mode';

/** The parts of a user's message. */
export const promptParts = (text: string, mode: Mode): Part[] => [
  { type: 'text', text },
  ...(mode === 'team' ? [{ type: MODE_PART, data: { mode } } as const] : []),
];

export const modeOf = ({ parts }: UIMessage): Mode =>
  parts.some((part) => part.type === MODE_PART && 'data' in part && (part.data as { mode?: unknown }).mode === 'team')
    ? 'team'
    : 'answer';

/** The mode of the newest prompt: what an answer, or another answer, is asked for in. */
export const modeOfNewest = (messages: readonly UIMessage[]): Mode => {
  const prompt = messages.findLast(({ role }) => role === 'user');
  return prompt ? modeOf(prompt) : 'answer';
};
