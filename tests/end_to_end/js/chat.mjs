/**
 * Chats as a page with the AI SDK's `useChat` over Ably's chat transport does, for the end-to-end tests: without React, but
 * with the same `AbstractChat`, the same transport, and what `useMessageSync` does between them.
 *
 * One JSON object a line. In: {id, command, session, ...}. Out: {event: "reply", id, ...} for each command, and on its own
 * {event: "chat" | "post" | "error" | "crash", session, ...}. A "post" is what the page would send to its server.
 */

import { createInterface } from 'node:readline';

import { createChatTransport, createClientSession, createUIMessageCodec } from '@ably/ai-transport/vercel';
import * as Ably from 'ably';
import {
  AbstractChat,
  isToolUIPart,
  lastAssistantMessageIsCompleteWithApprovalResponses,
  lastAssistantMessageIsCompleteWithToolCalls,
} from 'ai';
import WebSocket from 'ws';

Ably.Realtime.Platform.Config.WebSocket = WebSocket;

const HISTORY_PAGE = 100;
const RESOLVED = new Set(['output-available', 'output-error', 'approval-responded', 'output-denied']);

// Standard output carries our lines and nothing else, whatever a library may log.
console.log = console.error;

/** @type {Map<string, Page>} */
const pages = new Map();

const emit = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const describe = (error) => ({ code: error?.code ?? null, message: error?.message ?? String(error) });

/** The state of a chat, as the React hook keeps it. */
class State {
  #messages = [];
  #status = 'ready';
  #error;
  #changed;

  constructor(changed) {
    this.#changed = changed;
  }

  get messages() {
    return this.#messages;
  }

  set messages(messages) {
    this.#messages = messages;
    this.#changed();
  }

  get status() {
    return this.#status;
  }

  set status(status) {
    this.#status = status;
    this.#changed();
  }

  get error() {
    return this.#error;
  }

  set error(error) {
    this.#error = error;
    this.#changed();
  }

  pushMessage = (message) => {
    this.messages = [...this.#messages, structuredClone(message)];
  };

  popMessage = () => {
    this.messages = this.#messages.slice(0, -1);
  };

  replaceMessage = (index, message) => {
    this.messages = this.#messages.with(index, structuredClone(message));
  };

  snapshot = (value) => structuredClone(value);
}

class Chat extends AbstractChat {}

/** What `useMessageSync` does: the session's messages win, but for what the page has just answered itself. */
const merge = (shown, overlay) => {
  const own = new Map(overlay.map((message) => [message.id, message]));
  return shown.map((message) => {
    const calls = (own.get(message.id)?.parts ?? []).filter((part) => isToolUIPart(part) && RESOLVED.has(part.state));
    if (message.role !== 'assistant' || calls.length === 0) return message;
    const parts = message.parts.map((part) => {
      const answered = calls.find((call) => isToolUIPart(part) && call.toolCallId === part.toolCallId);
      return answered && !RESOLVED.has(part.state) ? { ...answered, type: part.type } : part;
    });
    return { ...message, parts };
  });
};

/** One page: a client session, the chat over it, and the tools that the page runs by itself. */
class Page {
  #name;
  #client;
  #session;
  #transport;
  #chat;
  #codec = createUIMessageCodec();
  #scheduled = false;

  constructor(name, { channel, host, port, key, clientId, tools = {} }) {
    this.#name = name;
    this.#client = new Ably.Realtime({
      autoConnect: false,
      clientId,
      disableConnectivityCheck: true,
      endpoint: host,
      key,
      logLevel: 0,
      port,
      tls: false,
      transports: ['web_socket'],
    });
    this.#session = createClientSession({ channelName: channel, client: this.#client });
    this.#session.on('error', (error) => emit({ event: 'error', session: name, ...describe(error) }));
    const post = async (_, { body }) => {
      emit({ body: JSON.parse(body), event: 'post', session: name });
      return new Response('{}', { status: 202 });
    };
    this.#transport = createChatTransport(this.#session, { fetch: post });
    this.#chat = new Chat({
      onError: (error) => emit({ event: 'error', session: name, ...describe(error) }),
      onToolCall: ({ toolCall }) => {
        const output = tools[toolCall.toolName];
        // Not awaited, as the AI SDK tells its users: it would wait for itself.
        if (output !== undefined) void this.answerCall({ output, tool: toolCall.toolName, toolCallId: toolCall.toolCallId });
      },
      sendAutomaticallyWhen: (chat) =>
        lastAssistantMessageIsCompleteWithToolCalls(chat) || lastAssistantMessageIsCompleteWithApprovalResponses(chat),
      state: new State(() => this.#tell()),
      transport: this.#transport,
    });
    this.#session.view.on('update', () => this.#sync());
    this.#session.view.on('run', () => this.#sync());
    this.#transport.onStreamingChange(() => this.#sync());
  }

  async open() {
    this.#client.connect();
    await this.#session.connect();
    while (this.#session.view.hasOlder()) await this.#session.view.loadOlder(HISTORY_PAGE);
    this.#sync();
  }

  /** As an effect of React: a moment later, and not while the page reads a stream of its own. */
  #sync() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (!this.#transport.streaming) {
        const shown = this.#session.view.getMessages().map(({ message }) => message);
        this.#chat.messages = merge(shown, this.#chat.messages);
      }
      this.#tell();
    });
  }

  /** Tell what the chat holds, and what the session's view shows beside it. */
  #tell() {
    const { view } = this.#session;
    emit({
      event: 'chat',
      messages: this.#chat.messages,
      runs: view.runs().map(({ runId, status }) => ({ id: runId, status })),
      session: this.#name,
      shown: view.getMessages().map(({ codecMessageId, message }) => ({ ...message, codecMessageId })),
      status: this.#chat.status,
      streaming: this.#transport.streaming,
    });
  }

  say({ text }) {
    void this.#chat.sendMessage({ text });
  }

  /** Give the output of a tool that the page ran, or what went wrong with it. */
  async answerCall({ toolCallId, tool, output, errorText }) {
    const outcome = errorText === undefined ? { output } : { errorText, state: 'output-error' };
    await this.#chat.addToolOutput({ tool, toolCallId, ...outcome });
  }

  async approve({ approvalId, approved, reason }) {
    await this.#chat.addToolApprovalResponse({ approved, id: approvalId, reason });
  }

  /** Give the output of a call as a continuation of its run, as an application over the bare session does. */
  async resolve({ codecMessageId, output, runId, toolCallId }) {
    const result = this.#codec.createToolResult(codecMessageId, { output, toolCallId });
    const run = await this.#session.view.send(result, { runId });
    return run.toInvocation().toJSON();
  }

  regenerate({ messageId }) {
    void this.#chat.regenerate({ messageId });
  }

  async stop() {
    await this.#chat.stop();
  }

  async close() {
    await this.#session.close();
    this.#client.close();
  }
}

const find = (name) => {
  const page = pages.get(name);
  if (!page) throw new Error(`unable to find session ${name}; it is not open`);
  return page;
};

const commands = {
  open: async ({ session, ...options }) => {
    const page = new Page(session, options);
    pages.set(session, page);
    return page.open();
  },
  say: async ({ session, ...message }) => find(session).say(message),
  answerCall: async ({ session, ...answer }) => find(session).answerCall(answer),
  resolve: async ({ session, ...answer }) => find(session).resolve(answer),
  approve: async ({ session, ...answer }) => find(session).approve(answer),
  regenerate: async ({ session, ...message }) => find(session).regenerate(message),
  stop: async ({ session }) => find(session).stop(),
  close: async ({ session }) => {
    const page = find(session);
    pages.delete(session);
    await page.close();
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
