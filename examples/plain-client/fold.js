/**
 * Folds the messages of a channel into a session, from the tags in `extras.headers` alone.
 *
 * The rule of the file: the session is a function of the set of deliveries. Their order, their number, and whether they
 * came live or from history make no difference. The rules are those of docs/wire.md; its section is named at each.
 */

const MAJOR = '1';

export class Fold {
  #records = new Map();

  /** Take in a message as the `ably` package delivers it. Returns whether the session may have changed. */
  apply({ serial, version, action, data, extras }) {
    if (!serial || !ACTIONS.has(action)) return false;
    const record = this.#records.get(serial) ?? { base: null, tail: [], text: '' };
    this.#records.set(serial, record);
    // Ably does not tell null from no data.
    const content = { data: data ?? undefined, tags: extras?.headers ?? {} };
    const delivery = { version: version?.serial ?? serial, action, ...content };
    return action === 'message.append' ? append(record, delivery) : replace(record, delivery);
  }

  /** The session as it stands: `{runs}`, in the order in which they began. */
  get session() {
    const entries = [...this.#records].map(([serial, record]) => read(serial, record)).filter(Boolean);
    // "Order": serials compare as plain strings.
    entries.sort((a, b) => (a.serial < b.serial ? -1 : 1));
    const runs = groupBy(entries, ({ tags }) => tags['temporal-session-run']);
    return { runs: [...runs].map(([id, found]) => buildRun(id, found)) };
  }
}

// One message of the channel: "Operations".

const ACTIONS = new Set(['message.create', 'message.update', 'message.append', 'message.delete']);

/** A whole text: all that was delivered of an older version is contained in it. */
const replace = (record, delivery) => {
  if (record.base && delivery.version <= record.base.version) return false;
  record.base = delivery;
  record.tail = record.tail.filter(({ version }) => version > delivery.version);
  record.text = joined(record);
  return true;
};

/** A delta: it extends the newest whole text that is older. A version that is known already says nothing new. */
const append = (record, delivery) => {
  const { base, tail } = record;
  if (base && delivery.version <= base.version) return false;
  if (!tail.length || delivery.version > tail.at(-1).version) {
    tail.push(delivery);
    record.text += textOf(delivery);
    return true;
  }
  if (tail.some(({ version }) => version === delivery.version)) return false;
  tail.push(delivery);
  tail.sort((a, b) => (a.version < b.version ? -1 : 1));
  record.text = joined(record);
  return true;
};

const textOf = ({ data }) => (typeof data === 'string' ? data : '');

const joined = ({ base, tail }) => (base ? [base, ...tail] : tail).map(textOf).join('');

/** What a message says now, or null: deleted, only deltas known, no message of ours, or of a contract to come. */
const read = (serial, { base, tail, text }) => {
  if (!base || base.action === 'message.delete') return null;
  // Every operation carries all tags, so those of the last one count.
  const { tags } = tail.at(-1) ?? base;
  // "Growth": another major version may mean anything.
  if (tags['temporal-v']?.split?.('.')[0] !== MAJOR || !tags['temporal-session-run']) return null;
  return { serial, tags, data: tail.length ? text : base.data };
};

// Runs and attempts: "Attempts".

const buildRun = (id, entries) => {
  const dead = [];
  const canonical = new Map();
  const steps = groupBy(entries.filter(({ tags }) => tags['temporal-step']), ({ tags }) => tags['temporal-step']);
  for (const [step, found] of steps) {
    const attempts = [...groupBy(found, attemptKey).values()].map((each) => buildAttempt(step, each)).sort(byStart);
    const winner = attempts.pop();
    for (const entry of winner.entries) canonical.set(entry, winner.facts);
    for (const { facts, ended, entries: own } of attempts) {
      const { messages } = foldParts(own, () => facts);
      dead.push({ step, ...facts, ended, supersededBy: winner.facts.attempt, messages });
    }
  }
  const last = (...events) => entries.findLast(({ tags }) => events.includes(tags['temporal-event']))?.tags;
  const end = last('run-end');
  const open = last('run-suspend', 'run-resume')?.['temporal-event'] === 'run-suspend' ? 'suspended' : 'active';
  return strip({
    id,
    // "Run status": open until a run-end says how it ended.
    status: end ? (end['temporal-reason'] ?? 'complete') : open,
    error: end?.['temporal-error'],
    ...foldParts(entries.filter((entry) => canonical.has(entry)), (entry) => canonical.get(entry)),
    dead,
  });
};

/** Attempt numbers repeat (an activity reset, a local activity whose worker died): start and run tell attempts apart. */
const attemptKey = ({ tags }) =>
  ['started', 'run-id', 'activity-id', 'attempt'].map((name) => tags[`temporal-${name}`]).join(' ');

const buildAttempt = (step, entries) => {
  const find = (event) => entries.find(({ tags }) => tags['temporal-event'] === event);
  const start = find('step-start');
  const tags = { ...entries[0].tags, ...start?.tags };
  return {
    entries,
    started: Number(tags['temporal-started']) || 0,
    serial: start?.serial ?? '',
    ended: find('step-end')?.tags['temporal-reason'],
    facts: {
      agent: tags['temporal-agent'] ?? '',
      workflowId: tags['temporal-workflow-id'] ?? '',
      activityType: tags['temporal-activity-type'] ?? '',
      attempt: Number(tags['temporal-attempt']) || 1,
    },
  };
};

/** The canonical rule: the attempt that started last wins, ties go to the later opening. */
const byStart = (a, b) => a.started - b.started || (a.serial < b.serial ? -1 : 1);

// Messages and parts: "Parts".

const foldParts = (entries, factsOf) => {
  const messages = new Map();
  const gaps = [];
  for (const entry of entries) {
    const { tags, data } = entry;
    const part = tags['temporal-event'] === 'part' ? parse(tags['temporal-part']) : undefined;
    const fold = PARTS[part?.type?.startsWith?.('data-') ? 'data-' : part?.type];
    if (!fold) continue; // "Growth": an unknown part is no error.
    const id = `${tags['temporal-session-run']}/${tags['temporal-step']}/${tags['temporal-message']}`;
    const message = () => {
      if (!messages.has(id)) messages.set(id, { id, role: 'assistant', ...factsOf(entry), parts: [] });
      return messages.get(id);
    };
    fold({ part, data, status: tags['temporal-status'], known: messages.get(id), message, messages });
    // "Gaps": the length counts characters that were lost on the way, too.
    const missing = tags['temporal-status'] ? tags['temporal-length'] - [...textOf(entry)].length : 0;
    if (missing > 0) gaps.push({ messageId: id, part: message().parts.length - 1, missing });
  }
  return { messages: [...messages.values()], gaps };
};

const streamed = ({ part: { type }, data, message }) => message().parts.push({ type, text: textOf({ data }) });

const setMetadata = (message, { messageMetadata }) => {
  // The last whole object wins: nothing is merged.
  if (message && messageMetadata !== undefined) message.metadata = messageMetadata;
};

/** A call as it begins: its name is part of its type, unless the tool is dynamic. */
const call = ({ toolName, dynamic, ...part }) => ({
  ...(dynamic ? { type: 'dynamic-tool', toolName } : { type: `tool-${toolName}` }),
  ...pick(part, 'toolCallId', 'title', 'providerExecuted'),
});

const findCall = (message, toolCallId) => message.parts.findLast((part) => part.toolCallId && part.toolCallId === toolCallId);

/** Change a call in place. What belonged to its earlier state goes; what identifies it, and its input, stay. */
const turn = (found, change) => {
  if (!found) return;
  const next = { ...pick(found, 'type', 'toolName', 'toolCallId', 'title', 'providerExecuted', 'input'), ...change };
  for (const name of Object.keys(found)) delete found[name];
  Object.assign(found, strip(next));
};

/** A result finds its call by `toolCallId` in the whole run, the first message that has it; else it says nothing. */
const result = (changeOf) => ({ part, data, messages }) => {
  const calls = [...messages.values()].map((message) => findCall(message, part.toolCallId));
  turn(calls.find(Boolean), changeOf(part, data ?? {}));
};

/** A question and a refusal are about a call of their own message. */
const verdict = (changeOf) => ({ part, message }) => turn(findCall(message(), part.toolCallId), changeOf(part));

const PARTS = {
  __proto__: null,
  start: ({ part, message }) => setMetadata(message(), part),
  'message-metadata': ({ part, known }) => setMetadata(known, part),
  finish: ({ part, known }) => setMetadata(known, part),
  'start-step': ({ message }) => message().parts.push({ type: 'step-start' }),
  text: streamed,
  reasoning: streamed,
  'tool-input': ({ part, data, status, message }) => {
    const complete = !status || status === 'complete';
    // Streamed, the input is JSON text; published at once, it is the value itself.
    const input = status ? parse(data, complete && data ? data : undefined) : data;
    message().parts.push(strip({ ...call(part), state: complete ? 'input-available' : 'input-streaming', input }));
  },
  'tool-input-error': ({ part, data, message }) => {
    const { parts } = message();
    if (!findCall(message(), part.toolCallId)) parts.push(call(part));
    const change = { state: 'output-error', input: data?.input, errorText: data?.errorText ?? '' };
    turn(findCall(message(), part.toolCallId), change);
  },
  'tool-output-available': result(({ preliminary }, { output }) => ({ state: 'output-available', output, preliminary })),
  'tool-output-error': result((_, { errorText }) => ({ state: 'output-error', errorText: errorText ?? '' })),
  'tool-output-denied': verdict(() => ({ state: 'output-denied', approval: { id: '', approved: false } })),
  'tool-approval-request': verdict(({ approvalId: id = '' }) => ({ state: 'approval-requested', approval: { id } })),
  file: ({ part, data, message }) => message().parts.push({ ...pick(part, 'type', 'mediaType'), url: textOf({ data }) }),
  'source-url': ({ part, data, message }) =>
    message().parts.push({ ...pick(part, 'type', 'sourceId', 'title'), url: textOf({ data }) }),
  'source-document': ({ part, message }) =>
    message().parts.push(pick(part, 'type', 'sourceId', 'mediaType', 'title', 'filename')),
  'data-': ({ part: { type, id, transient }, data, message }) => {
    if (transient) return; // For the moment only: never part of a message.
    const { parts } = message();
    const place = id === undefined ? -1 : parts.findIndex((each) => each.type === type && each.id === id);
    parts.splice(place < 0 ? parts.length : place, 1, strip({ type, id, data }));
  },
};

// Small tools.

const parse = (text, otherwise = undefined) => {
  try {
    return JSON.parse(text);
  } catch {
    return otherwise;
  }
};

const strip = (object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));

const pick = (object, ...names) => strip(Object.fromEntries(names.map((name) => [name, object[name]])));

const groupBy = (items, keyOf) => {
  const groups = new Map();
  for (const item of items) {
    const key = keyOf(item);
    if (groups.has(key)) groups.get(key).push(item);
    else groups.set(key, [item]);
  }
  return groups;
};
