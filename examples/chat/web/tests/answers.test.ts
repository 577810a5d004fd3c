import type { CodecMessage } from '@ably/ai-transport';
import type { UIMessage } from 'ai';
import { describe, expect, it } from 'vitest';

import { hasUnsentAnswers } from '../src/answers';

type Part = UIMessage['parts'][number];

const call = (toolCallId: string, more: object, toolName = 'send_mail'): Part =>
  ({ type: 'dynamic-tool', toolName, toolCallId, input: {}, ...more }) as Part;

const message = (...parts: Part[]): UIMessage => ({ id: 'm', role: 'assistant', parts });

const shown = (...parts: Part[]): CodecMessage<UIMessage>[] => [{ codecMessageId: 'm', message: message(...parts) }];

const ASKED = { state: 'approval-requested', approval: { id: 'a' } };
const GIVEN = { state: 'approval-responded', approval: { id: 'a', approved: true } };
const DONE = { state: 'output-available', output: 1 };

describe('what useChat sends by itself', () => {
  it('is an approval that the channel lacks', () => {
    expect(hasUnsentAnswers([message(call('1', GIVEN))], shown(call('1', ASKED)))).toBe(true);
    expect(hasUnsentAnswers([message(call('1', GIVEN))], shown(call('1', GIVEN)))).toBe(false);
  });

  it('is nothing while another question of the same message is open', () => {
    const held = [message(call('1', GIVEN), call('2', ASKED))];
    expect(hasUnsentAnswers(held, shown(call('1', ASKED), call('2', ASKED)))).toBe(false);
  });

  it('is the result of a tool of this page', () => {
    const held = [message(call('1', DONE, 'browser_clock'))];
    expect(hasUnsentAnswers(held, shown(call('1', { state: 'input-available' }, 'browser_clock')))).toBe(true);
  });

  it('is nothing after a tool of the server, with which an answer may end', () => {
    expect(hasUnsentAnswers([message(call('1', DONE))], shown(call('1', DONE)))).toBe(false);
  });

  it('is nothing after a prompt', () => {
    const prompt: UIMessage = { id: 'p', role: 'user', parts: [] };
    expect(hasUnsentAnswers([message(call('1', GIVEN)), prompt], shown(call('1', ASKED)))).toBe(false);
  });
});
