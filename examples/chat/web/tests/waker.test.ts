import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { Waker } from '../src/waker';

const answers = vi.fn<typeof fetch>();

const post = async (waker: Waker): Promise<number | string> => {
  const done = waker.fetch('/api/chat', { method: 'POST', body: '{}' }).then(
    ({ status }) => status,
    (error: unknown) => String(error),
  );
  await vi.runAllTimersAsync();
  return done;
};

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('fetch', answers);
});

afterEach(() => {
  answers.mockReset();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('the post that wakes the agent', () => {
  it('is sent again while nobody answers', async () => {
    answers
      .mockRejectedValueOnce(new TypeError('no network'))
      .mockResolvedValueOnce(new Response(null, { status: 202 }));
    const waker = new Waker();
    expect(await post(waker)).toBe(202);
    expect(waker.hasFailed).toBe(false);
    expect(answers).toHaveBeenCalledTimes(2);
  });

  it('is not sent again when it was refused', async () => {
    answers.mockResolvedValue(new Response(null, { status: 400 }));
    const waker = new Waker();
    expect(await post(waker)).toBe(400);
    expect(waker.hasFailed).toBe(true);
    expect(answers).toHaveBeenCalledTimes(1);
  });

  it('is kept when it failed for good, to be tried by hand', async () => {
    answers.mockResolvedValue(new Response(null, { status: 503 }));
    const waker = new Waker();
    expect(await post(waker)).toBe(503);
    expect(answers).toHaveBeenCalledTimes(3);

    answers.mockResolvedValue(new Response(null, { status: 202 }));
    expect(await waker.tryAgain()).toBe(true);
    expect(answers).toHaveBeenLastCalledWith('/api/chat', { method: 'POST', body: '{}' });
    expect(waker.hasFailed).toBe(false);
  });
});
