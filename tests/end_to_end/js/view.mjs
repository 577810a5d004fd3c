/**
 * Shows sessions exactly as a user interface built on Ably's own JavaScript client would, for the end-to-end tests.
 *
 * One JSON object a line. In: {id, command, session, ...}. Out: {event: "reply", id, ...} for each command, and on its own
 * {event: "view" | "connection" | "error" | "steered" | "crash", session, ...}. Node starts slowly, so one process serves many sessions.
 */

import { createInterface } from 'node:readline';

import { createClientSession, createUIMessageCodec } from '@ably/ai-transport/vercel';
import * as Ably from 'ably';
import WebSocket from 'ws';

import { Fold } from '../../../examples/plain-client/fold.js';

/** Nobody listens on TCP port 1, so connecting there fails at once, as on a device without a network. */
const NOWHERE = 'ws://127.0.0.1:1/';
const HISTORY_PAGE = 100;

// Standard output carries our lines and nothing else, whatever a library may log.
console.log = console.error;

/** Name of the transport parameter by which a socket finds its session; servers ignore parameters they do not know. */
const VIEWER_PARAMETER = 'viewer';

/** @type {Map<string, Viewer>} */
const viewers = new Map();

const emit = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const describe = (error) => ({
  code: error?.code ?? null,
  message: error?.message ?? String(error),
  cause: error?.cause ? String(error.cause.message ?? error.cause) : null,
});

/** The socket that ably-js gets: a real one, which the tests can cut, and which leads nowhere while its viewer is offline. */
class CuttableSocket extends WebSocket {
  constructor(url) {
    const viewer = viewers.get(new URL(url).searchParams.get(VIEWER_PARAMETER));
    super(viewer?.offline ? NOWHERE : url);
    viewer?.sockets.add(this);
    this.once('close', () => viewer?.sockets.delete(this));
  }
}
Ably.Realtime.Platform.Config.WebSocket = CuttableSocket;

/** What a page posts to the agent. */
const posted = (run) => ({ inputCodecMessageId: run.inputCodecMessageId, invocation: run.toInvocation().toJSON() });

/** One client session and what its view shows. */
class Viewer {
  sockets = new Set();
  offline = false;
  #name;
  #client;
  #session;
  #codec = createUIMessageCodec();
  #fold = new Fold();
  #sequence = 0;
  #received = '';
  /** The handles of what was sent, by the ids of the inputs. */
  #runs = new Map();
  #scheduled = false;

  constructor(name, { channel, host, port, tls, key, token, clientId, binary }) {
    this.#name = name;
    this.#client = new Ably.Realtime({
      autoConnect: false,
      clientId,
      disableConnectivityCheck: true,
      disconnectedRetryTimeout: 200,
      endpoint: host,
      key,
      logLevel: 0,
      port,
      tls,
      tlsPort: port,
      token,
      transportParams: { [VIEWER_PARAMETER]: name },
      transports: ['web_socket'],
      useBinaryProtocol: binary,
    });
    this.#client.connection.on(({ current, reason }) => {
      emit({ event: 'connection', session: name, state: current, reason: reason ? describe(reason) : null });
    });
    this.#session = createClientSession({ channelName: channel, client: this.#client });
    this.#session.on('error', (error) => emit({ event: 'error', session: name, ...describe(error) }));
    this.#session.view.on('update', () => this.#schedule());
    this.#session.view.on('run', () => this.#schedule());
    this.#session.tree.on('ably-message', (message) => {
      const version = message.version?.serial ?? message.serial ?? '';
      if (version > this.#received) this.#received = version;
      this.#fold.apply(message);
      this.#schedule();
    });
  }

  /** Connect, then page through the whole history, as a page that has just been loaded does. */
  async open() {
    this.#client.connect();
    await this.#session.connect();
    while (this.#session.view.hasOlder()) await this.#session.view.loadOlder(HISTORY_PAGE);
    this.tell();
  }

  /** What the view shows now. */
  #snapshot() {
    const { view } = this.#session;
    return {
      messages: view.getMessages().map(({ codecMessageId, message }) => ({ ...message, codecMessageId })),
      received: this.#received,
      runs: view.runs().map(({ error, runId, status, steps }) => ({
        error: error ? describe(error) : null,
        id: runId,
        status,
        steps: steps.map(({ stepId, status: stepStatus, attemptCount }) => ({ attemptCount, id: stepId, status: stepStatus })),
      })),
    };
  }

  /** Tell of a change once a tick: what happens within one tick is never painted. */
  #schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.tell();
    });
  }

  /** Tell what the view shows now. */
  tell() {
    this.#sequence += 1;
    emit({ event: 'view', seq: this.#sequence, session: this.#name, ...this.#snapshot() });
  }

  /** What the plain client shows of the very same deliveries. */
  get plain() {
    return this.#fold.session;
  }

  /** Cut the network under the connection, without a word to either side. */
  cut() {
    for (const socket of this.sockets) socket.terminate();
  }

  /** Send a prompt, as the user of a chat page does. */
  async send({ text, messageId }) {
    return this.#post(await this.#session.view.send(this.#prompt(text, messageId)));
  }

  /** Replace a prompt by another, beside what followed it. */
  async edit({ target, text, messageId }) {
    return this.#post(await this.#session.view.edit(target, this.#prompt(text, messageId)));
  }

  /** Have an answer made again. */
  async regenerate({ target }) {
    return this.#post(await this.#session.view.regenerate(target));
  }

  /** Stop the run of what was sent, by its handle. */
  async cancel({ input }) {
    await this.#runs.get(input).cancel();
  }

  /** Stop a run that anybody began. */
  async cancelRun({ run }) {
    await this.#session.cancel(run);
  }

  /** Say something to the run of what was sent, while it goes on. */
  async steer({ input, text, messageId }) {
    const { published, outcome } = this.#runs.get(input).steer(this.#prompt(text, messageId));
    const tell = (result) => emit({ event: 'steered', session: this.#name, message: messageId, outcome: result });
    outcome.then(tell, (error) => tell({ error: describe(error) }));
    return published;
  }

  #post(run) {
    this.#runs.set(run.inputCodecMessageId, run);
    return posted(run);
  }

  #prompt(text, id) {
    return this.#codec.createUserMessage({ id, parts: [{ text, type: 'text' }], role: 'user' });
  }

  async close() {
    await this.#session.close();
    this.#client.close();
  }
}

const find = (name) => {
  const viewer = viewers.get(name);
  if (!viewer) throw new Error(`unable to find session ${name}; it is not open`);
  return viewer;
};

const commands = {
  open: async ({ session, ...options }) => {
    const viewer = new Viewer(session, options);
    viewers.set(session, viewer);
    return viewer.open();
  },
  snapshot: async ({ session }) => find(session).tell(),
  plain: async ({ session }) => find(session).plain,
  drop: async ({ session }) => find(session).cut(),
  offline: async ({ session }) => {
    const viewer = find(session);
    viewer.offline = true;
    viewer.cut();
  },
  online: async ({ session }) => {
    find(session).offline = false;
  },
  send: async ({ session, ...prompt }) => find(session).send(prompt),
  edit: async ({ session, ...prompt }) => find(session).edit(prompt),
  regenerate: async ({ session, ...wish }) => find(session).regenerate(wish),
  cancel: async ({ session, ...wish }) => find(session).cancel(wish),
  cancelRun: async ({ session, ...wish }) => find(session).cancelRun(wish),
  steer: async ({ session, ...words }) => find(session).steer(words),
  close: async ({ session }) => {
    const viewer = find(session);
    await viewer.close();
    viewers.delete(session);
  },
};

const obey = async ({ id, command, ...rest }) => {
  try {
    emit({ event: 'reply', id, result: (await commands[command](rest)) ?? null });
  } catch (error) {
    emit({ error: describe(error), event: 'reply', id });
  }
};

process.on('uncaughtException', (error) => {
  emit({ event: 'crash', ...describe(error), stack: error?.stack ?? null });
});

// The end of standard input is the order to quit.
for await (const line of createInterface({ input: process.stdin })) void obey(JSON.parse(line));
process.exit(0);
