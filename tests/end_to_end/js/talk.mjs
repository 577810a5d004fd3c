/**
 * Plays both sides of a conversation with Ably's own JavaScript client and agent, for tests/session: what a user does on a
 * page, what an agent does for it, and what each of them has then before it.
 *
 * One JSON object a line. In: {id, command, session, ...}. Out: {event: "reply", id, ...} for each command. Whatever a
 * command does is done when it is replied to; `until` is the version of the newest message that the client has to have seen.
 */

import { createInterface } from 'node:readline';

import { Invocation } from '@ably/ai-transport';
import { createAgentSession, createClientSession, createToolResultFork, createUIMessageCodec } from '@ably/ai-transport/vercel';
import * as Ably from 'ably';
import WebSocket from 'ws';

Ably.Realtime.Platform.Config.WebSocket = WebSocket;

const HISTORY_PAGE = 100;

// Standard output carries our lines and nothing else, whatever a library may log.
console.log = console.error;

const emit = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const describe = (error) => ({ code: error?.code ?? null, message: error?.message ?? String(error), stack: error?.stack });
const listed = (messages) => messages.map(({ codecMessageId, message }) => ({ codecMessageId, message }));

/** Tells when a session has taken in a version. */
class Watch {
  #received = '';
  #waiting = [];

  constructor(tree) {
    tree.on('ably-message', (message) => {
      const version = message.version?.serial ?? message.serial ?? '';
      if (version > this.#received) this.#received = version;
      this.#waiting = this.#waiting.filter(({ until, resolve }) => this.#received < until || resolve());
    });
  }

  seen(until) {
    if (this.#received >= until) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ until, resolve }));
  }
}

/** A conversation: one client, one agent. */
class Talk {
  #codec = createUIMessageCodec();
  #client;
  #user;
  #server;
  #agent;
  #watch;
  #agentWatch;
  #asked = new Map();
  #runs = new Map();

  #channel;
  #options;

  constructor({ channel, host, port, key }) {
    this.#channel = channel;
    this.#options = { disableConnectivityCheck: true, endpoint: host, key, logLevel: 0, port, tls: false };
    this.#client = this.#connect('alice');
    this.#user = createClientSession({ channelName: channel, client: this.#client });
    this.#watch = new Watch(this.#user.tree);
    this.#server = this.#connect('agent');
    this.#agent = createAgentSession({ channelName: channel, client: this.#server });
    this.#agentWatch = new Watch(this.#agent.tree);
  }

  #connect(clientId) {
    return new Ably.Realtime({ ...this.#options, clientId, transports: ['web_socket'] });
  }

  async open() {
    await Promise.all([this.#user.connect(), this.#agent.connect()]);
    const { view } = this.#user;
    while (view.hasOlder()) await view.loadOlder(HISTORY_PAGE);
  }

  // The user's side.

  #said({ parts, messageId }) {
    return this.#codec.createUserMessage({ id: messageId, parts, role: 'user' });
  }

  #remember(run) {
    this.#asked.set(run.inputEventId, run);
    return { inputId: run.inputCodecMessageId, eventId: run.inputEventId, invocation: run.toInvocation().toJSON() };
  }

  async say(prompt) {
    return this.#remember(await this.#user.view.send(this.#said(prompt)));
  }

  async edit({ target, ...prompt }) {
    return this.#remember(await this.#user.view.edit(target, this.#said(prompt)));
  }

  async regenerate({ target }) {
    return this.#remember(await this.#user.view.regenerate(target));
  }

  async approve({ target, callId, approved, runId }) {
    const input = this.#codec.createToolApprovalResponse(target, { toolCallId: callId, approved });
    return this.#remember(await this.#user.view.send(input, { runId }));
  }

  async result({ target, callId, output, error, runId }) {
    const input =
      error === undefined
        ? this.#codec.createToolResult(target, { toolCallId: callId, output })
        : this.#codec.createToolResultError(target, { toolCallId: callId, message: error });
    return this.#remember(await this.#user.view.send(input, { runId }));
  }

  async fork({ callId, output, runId }) {
    const node = this.#user.tree.getRunNode(runId);
    const { input, sendOptions } = createToolResultFork({
      runMessages: this.#codec.getMessages(node.projection),
      parentCodecMessageId: node.parentCodecMessageId,
      toolCallId: callId,
      result: { output },
      supersedesRunId: runId,
    });
    return this.#remember(await this.#user.view.send([input], sendOptions));
  }

  async steer({ eventId, ...prompt }) {
    const asked = this.#asked.get(eventId);
    await asked.started;
    const { published, outcome } = asked.steer(this.#said(prompt));
    outcome.catch(() => {});
    await published;
  }

  async cancel({ eventId }) {
    await this.#asked.get(eventId).cancel();
  }

  async select({ target, index }) {
    this.#user.view.branchSelection(target).select(index);
  }

  async look({ until }) {
    await this.#watch.seen(until);
    // Another view of the same session has chosen nothing yet.
    const fresh = this.#user.createView();
    const messages = listed(fresh.getMessages());
    const siblings = messages.map(({ codecMessageId: id }) => fresh.branchSelection(id).siblings.map((each) => each.id));
    const runs = fresh.runs().map(({ runId, status }) => ({ runId, status }));
    fresh.close();
    return { chosen: listed(this.#user.view.getMessages()), messages, runs, siblings };
  }

  /** What somebody is shown who comes now. */
  async join() {
    const client = this.#connect('bob');
    const late = createClientSession({ channelName: this.#channel, client });
    await late.connect();
    while (late.view.hasOlder()) await late.view.loadOlder(HISTORY_PAGE);
    const messages = listed(late.view.getMessages());
    await late.close();
    client.close();
    return { messages };
  }

  // The agent's side.

  async start({ invocation, runId, until }) {
    await this.#agentWatch.seen(until);
    const run = this.#agent.createRun(Invocation.fromJSON(invocation), { runId });
    await run.start();
    this.#runs.set(run.runId, run);
    return { runId: run.runId, prompt: await this.#prompt(run) };
  }

  async prompt({ runId, until }) {
    await this.#agentWatch.seen(until);
    return this.#prompt(this.#runs.get(runId));
  }

  async #prompt(run) {
    while (run.view.hasOlder()) await run.view.loadOlder(HISTORY_PAGE);
    return listed(run.view.getMessages());
  }

  async pipe({ runId, chunks }) {
    return (await this.#runs.get(runId).pipe(this.#stream(chunks))).reason;
  }

  /** Try a step: as often as it fails, then well. */
  async attempt({ runId, stepId, failing, chunks }) {
    for (const tried of [...failing, chunks]) {
      const step = this.#runs.get(runId).createStep({ stepId });
      await step.start();
      await step.pipe(this.#stream(tried, tried !== chunks));
      await step.end();
    }
  }

  async *#stream(chunks, fails = false) {
    yield* chunks;
    if (fails) throw new Error('the model broke');
  }

  async heed({ runId, until }) {
    await this.#agentWatch.seen(until);
    return this.#runs.get(runId).hasInput();
  }

  async suspend({ runId }) {
    await this.#runs.get(runId).suspend();
  }

  async end({ runId, reason, until }) {
    if (until) await this.#agentWatch.seen(until);
    await this.#runs.get(runId).end({ reason });
  }

  async close() {
    await Promise.all([this.#user.close(), this.#agent.detach()]);
    this.#client.close();
    this.#server.close();
  }
}

/** @type {Map<string, Talk>} */
const talks = new Map();

const obey = async ({ id, command, session, ...rest }) => {
  try {
    if (command === 'open') talks.set(session, new Talk(rest));
    const result = await talks.get(session)[command](rest);
    emit({ event: 'reply', id, result: result ?? null });
  } catch (error) {
    emit({ error: describe(error), event: 'reply', id });
  }
};

process.on('uncaughtException', (error) => emit({ event: 'crash', ...describe(error) }));

// The end of standard input is the order to quit.
for await (const line of createInterface({ input: process.stdin })) void obey(JSON.parse(line));
process.exit(0);
