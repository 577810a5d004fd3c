import type { CodecMessage, RunInfo } from '@ably/ai-transport';
import type { UIMessage } from 'ai';
import { describe, expect, it } from 'vitest';

import { turnsOf, workingRuns, type Turn } from '../src/transcript';

const run = (
  runId: string,
  status: 'active' | 'complete' | 'suspended' = 'complete',
  open: string[] = [],
): RunInfo => ({
  runId,
  clientId: 'alice',
  invocationId: runId,
  status,
  steps: open.map((stepId) => ({ stepId, status: 'active', attemptCount: 1, stepClientId: '' })),
});

const said = (id: string, metadata: Record<string, unknown> = {}): CodecMessage<UIMessage> => ({
  codecMessageId: id,
  message: { id, role: 'assistant', metadata, parts: [{ type: 'text', text: id }] },
});

const asked = (id: string): CodecMessage<UIMessage> => ({
  codecMessageId: id,
  message: { id, role: 'user', parts: [{ type: 'text', text: id }] },
});

const main = { agent: 'answer', activityType: 'answer', workflowId: 'w' };
const sub = (agent: string): Record<string, unknown> => ({ agent, activityType: 'answer', workflowId: `w-${agent}` });

const shapeOf = (turn: Turn): unknown =>
  turn.kind === 'prompt'
    ? turn.entry.message.id
    : turn.sections.map((section) =>
        section.kind === 'main'
          ? section.entry.message.id
          : Object.fromEntries(section.lanes.map(({ agent, entries }) => [agent, entries.map(({ id }) => id)])),
      );

describe('turns', () => {
  it('puts an answer of several messages under its prompt', () => {
    const turns = turnsOf([asked('q'), said('a', main), said('b', main)], [run('r')], () => run('r'));
    expect(turns.map(shapeOf)).toEqual(['q', ['a', 'b']]);
  });

  it('puts sub-agents side by side, in an order that does not hang on who began', () => {
    const messages = [
      said('w1', sub('Writer')),
      said('c1', sub('Critic')),
      said('w2', sub('Writer')),
      said('sum', main),
    ];
    expect(turnsOf(messages, [run('r')], () => run('r')).map(shapeOf)).toEqual([
      [{ Critic: ['c1'], Writer: ['w1', 'w2'] }, 'sum'],
    ]);
  });

  it('keeps two runs apart', () => {
    const turns = turnsOf([said('a', main), said('b', main)], [], (id) => run(id === 'a' ? 'r1' : 'r2'));
    expect(turns.map(({ id }) => id)).toEqual(['r1', 'r2']);
  });

  it('keeps the turn of a run whose words a second attempt has taken away', () => {
    const runs = [run('r1'), run('r2', 'active', ['s']), run('r3', 'active')];
    const runOf = (id: string): RunInfo | undefined => runs.find(({ runId }) => id.startsWith(runId));
    const before = [asked('q1'), said('r1', main), asked('q2'), said('r2', main), asked('q3'), said('r3', main)];
    const after = before.filter(({ codecMessageId }) => codecMessageId !== 'r2');
    const ids = (messages: typeof before): string[] => turnsOf(messages, runs, runOf).map(({ id }) => id);
    expect(ids(after)).toEqual(ids(before));
  });

  it('has a turn for a run that has said nothing yet', () => {
    const turns = turnsOf([asked('q')], [run('r', 'active')], () => undefined);
    expect(turns.map(shapeOf)).toEqual(['q', []]);
  });

  it('knows which lane is still written to, by the step in the id of its message', () => {
    const messages = [said('r//0.1:0:1/0', sub('Critic')), said('r//0.1/0.1:0:1/0', sub('Writer'))];
    const steps = run('r', 'active', ['/0.1/0.1:0:1']);
    const done = { stepId: '/0.1:0:1', status: 'complete' as const, attemptCount: 1, stepClientId: '' };
    const both = { ...steps, steps: [done, ...steps.steps] };
    const [turn] = turnsOf(messages, [both], () => both);
    const lanes = turn?.kind === 'answer' && turn.sections[0]?.kind === 'lanes' ? turn.sections[0].lanes : [];
    expect(lanes.map(({ entries }) => entries[0]?.streaming)).toEqual([false, true]);
  });

  it('takes the attempt from the metadata, whatever its type', () => {
    const [turn] = turnsOf([said('a', { ...main, attempt: '2' })], [run('r')], () => run('r'));
    const section = turn?.kind === 'answer' ? turn.sections[0] : undefined;
    expect(section?.kind === 'main' && section.entry.origin.attempt).toBe(2);
  });
});

describe('runs', () => {
  it('believes no old run that says it is active, without an open step', () => {
    const runs = [run('old', 'active'), run('open', 'active', ['s']), run('newest', 'active')];
    expect(workingRuns(runs).map(({ runId }) => runId)).toEqual(['open', 'newest']);
  });
});
