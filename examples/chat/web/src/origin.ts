/** Who wrote a message, as the worker says in its metadata. */

import type { UIMessage } from 'ai';

export interface Origin {
  agent: string;
  workflowId: string;
  activityType: string;
  attempt: number;
}

const ASSISTANT = 'assistant';

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

export const originOf = ({ metadata }: UIMessage): Origin => {
  const told = (typeof metadata === 'object' && metadata !== null ? metadata : {}) as Record<string, unknown>;
  const attempt = Number(told['attempt']);
  return {
    agent: text(told['agent']),
    workflowId: text(told['workflowId']),
    activityType: text(told['activityType']),
    attempt: Number.isInteger(attempt) && attempt > 0 ? attempt : 1,
  };
};

/** Whether a sub-agent wrote it: the main agent goes by the name of its activity, a child workflow by its own. */
export const isSubAgent = ({ agent, activityType }: Origin): boolean =>
  agent !== '' && agent !== activityType && agent.toLowerCase() !== ASSISTANT;

/** A name of code as people read it: "lookup_weather" and "LookupWeather" are "Lookup weather". */
export const readable = (name: string): string => {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/[_-]+/g, ' ')
    .trim()
    .toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
};
