/** The conversation as the page shows it: prompts and answers, an answer's sub-agents side by side. */

import type { CodecMessage, RunInfo } from '@ably/ai-transport';
import type { UIMessage } from 'ai';

import { isSubAgent, originOf, type Origin } from './origin';

/** One message. The id is Ably's, which names one version of it; `message.id` stays the same when it is edited. */
export interface Entry {
  id: string;
  message: UIMessage;
  origin: Origin;
  streaming: boolean;
}

/** What a sub-agent says. */
export interface Lane {
  agent: string;
  entries: Entry[];
}

export type Section = { kind: 'main'; entry: Entry } | { kind: 'lanes'; id: string; lanes: Lane[] };

export interface Prompt {
  kind: 'prompt';
  id: string;
  /** The message by which Ably knows the other versions of this turn. */
  anchor: string;
  entry: Entry;
}

/** One run: whatever was answered to one prompt. */
export interface Answer {
  kind: 'answer';
  /** The run's: it stays when a retry takes the first message away and brings another. */
  id: string;
  anchor: string;
  runId: string;
  status: RunInfo['status'];
  /** More is to come. */
  working: boolean;
  sections: Section[];
}

export type Turn = Prompt | Answer;

type Message = CodecMessage<UIMessage>;
type RunOf = (codecMessageId: string) => RunInfo | undefined;

/**
 * Whether more of a run is to come.
 *
 * A run that was once suspended can look active for ever to a page that loads it from history (a flaw of version 0.8): an
 * older one counts only while a step of it is open.
 */
export const isWorking = (run: RunInfo, newest: boolean): boolean =>
  run.status === 'active' && (newest || run.steps.some(({ status }) => status === 'active'));

/** The runs of a view of which more is to come. */
export const workingRuns = (runs: readonly RunInfo[]): RunInfo[] =>
  runs.filter((run, index) => isWorking(run, index === runs.length - 1));

/** Whether the step that writes a message is open; its id stands in the message's id. Unknown steps are as their run. */
const isStreaming = (run: RunInfo, messageId: string): boolean => {
  const words = new Set(messageId.split('/'));
  const step = run.steps.find(({ stepId }) => words.has(stepId));
  return step === undefined || step.status === 'active';
};

const entryOf = ({ codecMessageId, message }: Message, run: RunInfo | undefined, working: boolean): Entry => ({
  id: codecMessageId,
  message,
  origin: originOf(message),
  streaming: working && run !== undefined && isStreaming(run, message.id),
});

/** Sub-agents that speak one after another stand side by side; the main agent's messages keep their places. */
const sectionsOf = (entries: readonly Entry[]): Section[] => {
  const sections: Section[] = [];
  for (const entry of entries) {
    const last = sections.at(-1);
    if (!isSubAgent(entry.origin)) {
      sections.push({ kind: 'main', entry });
      continue;
    }
    const lanes = last?.kind === 'lanes' ? last.lanes : [];
    if (last?.kind !== 'lanes') sections.push({ kind: 'lanes', id: entry.id, lanes });
    const key = entry.origin.workflowId || entry.origin.agent;
    const own = lanes.find(({ entries: [first] }) => (first?.origin.workflowId || first?.origin.agent) === key);
    if (own) own.entries.push(entry);
    else lanes.push({ agent: entry.origin.agent, entries: [entry] });
  }
  // Who began first is chance, and a retry moves a message to the end: a lane keeps its place.
  for (const section of sections) {
    if (section.kind === 'lanes') section.lanes.sort((one, other) => one.agent.localeCompare(other.agent));
  }
  return sections;
};

/** Put a view's messages, oldest first, together to turns. */
export const turnsOf = (messages: readonly Message[], runOf: RunOf): Turn[] => {
  const lastSaid = messages.findLast(({ message }) => message.role === 'assistant');
  const newest = lastSaid && runOf(lastSaid.codecMessageId)?.runId;
  const turns: Turn[] = [];
  let group: { run: RunInfo | undefined; entries: Entry[] } | undefined;

  const close = (): void => {
    const first = group?.entries[0];
    if (!group || !first) return;
    const { run, entries } = group;
    const before = turns.filter((turn) => turn.kind === 'answer' && turn.runId === run?.runId).length;
    turns.push({
      kind: 'answer',
      id: `${run?.runId ?? first.id}#${String(before)}`,
      anchor: first.id,
      runId: run?.runId ?? '',
      status: run?.status ?? 'complete',
      working: run !== undefined && isWorking(run, run.runId === newest),
      sections: sectionsOf(entries),
    });
    group = undefined;
  };

  for (const message of messages) {
    if (message.message.role === 'user') {
      close();
      const id = message.codecMessageId;
      turns.push({ kind: 'prompt', id, anchor: id, entry: entryOf(message, undefined, false) });
      continue;
    }
    const run = runOf(message.codecMessageId);
    if (group && group.run?.runId !== run?.runId) close();
    group ??= { run, entries: [] };
    group.entries.push(entryOf(message, run, run !== undefined && isWorking(run, run.runId === newest)));
  }
  close();
  return turns;
};

/** What is said in a message, letter for letter. */
export const textOf = ({ parts }: UIMessage): string =>
  parts.map((part) => (part.type === 'text' ? part.text : '')).join('');
