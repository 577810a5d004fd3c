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
  /** The sub-agent's workflow. */
  id: string;
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
  const step = run.steps.find(({ stepId }) => messageId.includes(`/${stepId}/`));
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
    if (last?.kind !== 'lanes') sections.push({ kind: 'lanes', id: `lanes#${String(sections.length)}`, lanes });
    const id = entry.origin.workflowId || entry.origin.agent;
    const own = lanes.find((lane) => lane.id === id);
    if (own) own.entries.push(entry);
    else lanes.push({ id, agent: entry.origin.agent, entries: [entry] });
  }
  // Who began first is chance, and a retry moves a message to the end: a lane keeps its place.
  for (const section of sections) {
    if (section.kind === 'lanes') section.lanes.sort((one, other) => one.agent.localeCompare(other.agent));
  }
  return sections;
};

/** Messages that follow one another and are of one run, or one prompt. */
interface Group {
  run: RunInfo | undefined;
  messages: Message[];
}

const groupsOf = (messages: readonly Message[], runOf: RunOf): Group[] => {
  const groups: Group[] = [];
  for (const message of messages) {
    const prompt = message.message.role === 'user';
    const run = prompt ? undefined : runOf(message.codecMessageId);
    const last = groups.at(-1);
    const joins = !prompt && last?.messages[0]?.message.role === 'assistant' && last.run?.runId === run?.runId;
    if (joins) last.messages.push(message);
    else groups.push({ run, messages: [message] });
  }
  return groups;
};

const answerOf = (run: RunInfo | undefined, messages: readonly Message[], working: boolean): Answer => {
  const anchor = messages[0]?.codecMessageId ?? '';
  return {
    kind: 'answer',
    id: run?.runId ?? anchor,
    anchor,
    runId: run?.runId ?? '',
    status: run?.status ?? 'complete',
    working,
    sections: sectionsOf(messages.map((message) => entryOf(message, run, working))),
  };
};

const promptOf = (message: Message): Prompt => {
  const id = message.codecMessageId;
  return { kind: 'prompt', id, anchor: id, entry: entryOf(message, undefined, false) };
};

/** Where a run belongs of which nothing is to be seen: before the prompt of the next one, or at the end. */
const placeFor = (run: RunInfo, turns: readonly Turn[], runs: readonly RunInfo[]): number => {
  const later = new Set(runs.slice(runs.indexOf(run) + 1).map(({ runId }) => runId));
  const next = turns.findIndex((turn) => turn.kind === 'answer' && later.has(turn.runId));
  if (next === -1) return turns.length;
  return turns[next - 1]?.kind === 'prompt' ? next - 1 : next;
};

/**
 * Put a view's messages and runs, oldest first, together to turns.
 *
 * A run that has said nothing yet, or never will, has a turn, too; so has one whose words are gone because a second
 * attempt has begun.
 */
export const turnsOf = (messages: readonly Message[], runs: readonly RunInfo[], runOf: RunOf): Turn[] => {
  const working = new Set(workingRuns(runs).map(({ runId }) => runId));
  const turns: Turn[] = [];
  const named = new Set<string>();
  for (const { run, messages: group } of groupsOf(messages, runOf)) {
    const [first] = group;
    if (first?.message.role === 'user') {
      turns.push(promptOf(first));
      continue;
    }
    const answer = answerOf(run, group, run !== undefined && working.has(run.runId));
    // Somebody spoke in between: what comes after that is a turn of its own.
    turns.push(named.has(answer.id) ? { ...answer, id: answer.anchor } : answer);
    named.add(answer.id);
  }
  for (const run of runs) {
    const tells = working.has(run.runId) || run.status === 'error' || run.status === 'cancelled';
    if (!tells || named.has(run.runId)) continue;
    turns.splice(placeFor(run, turns, runs), 0, answerOf(run, [], working.has(run.runId)));
  }
  return turns;
};

/** What is said in a message, letter for letter. */
export const textOf = ({ parts }: UIMessage): string =>
  parts.map((part) => (part.type === 'text' ? part.text : '')).join('');
