/**
 * Ably's own codec for UIMessage chunks, driven by tests/codec: what it writes for chunks, and what it reads back.
 *
 * One JSON object a line. In: {command, ...}. Out: {result} or {error}, in the same order. A message is
 * {action, serial, name, data, extras}; its serial is the place of its create among the messages.
 */

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

import { createUIMessageCodec } from '@ably/ai-transport/vercel';
import { uiMessageChunkSchema } from 'ai';

const root = (name) => new URL(import.meta.resolve(name).replace(/\/dist\/.*$/, '/'));
const versionOf = (name) => JSON.parse(readFileSync(new URL('package.json', root(name)), 'utf8')).version;

export const packages = Object.fromEntries(['@ably/ai-transport', 'ai'].map((name) => [name, versionOf(name)]));

/** Keeps what an encoder publishes. A refused append makes the encoder send the whole text as an update. */
class RecordingWriter {
  messages = [];
  #refuses;

  constructor(refuses) {
    this.#refuses = refuses;
  }

  async publish(message) {
    const serial = this.#record('create', message);
    return { serials: [serial] };
  }

  async appendMessage(message) {
    this.#record('append', message);
    if (this.#refuses === 'append') {
      this.messages.pop();
      throw new Error('refused');
    }
    return {};
  }

  async updateMessage(message) {
    this.#record('update', message);
    return {};
  }

  // Through JSON and back, as on the way to a reader.
  #record(action, { serial = String(this.messages.length).padStart(6, '0'), name, data, extras }) {
    this.messages.push(JSON.parse(JSON.stringify({ action, serial, name, data, extras })));
    return serial;
  }
}

/** Gives the messages for chunks. An encoder knows its streams by id alone, so all chunks are of one message. */
export async function encode(chunks, { cancel = false, refuses } = {}) {
  const writer = new RecordingWriter(refuses);
  const encoder = createUIMessageCodec().createEncoder(writer, {});
  for (const chunk of chunks) await encoder.publishOutput(chunk);
  if (cancel) await encoder.cancelStreams();
  await encoder.close();
  return writer.messages;
}

/** Gives the chunks that a client reads from messages. */
export function decode(messages) {
  const decoder = createUIMessageCodec().createDecoder();
  const read = messages.flatMap(({ action, serial, ...message }, place) => {
    const version = { serial: `${serial}/${String(place).padStart(6, '0')}` };
    return decoder.decode({ ...message, action: `message.${action}`, serial, version }).outputs;
  });
  return JSON.parse(JSON.stringify(read));
}

/** Gives the chunk types that Ably's table has, and those that the AI SDK can send. */
async function types() {
  const table = readFileSync(new URL('src/vercel/codec/outputs.ts', root('@ably/ai-transport')), 'utf8');
  const entries = [...table.matchAll(/\bevent\('([^']+)'|\b(?:start|delta|end): \{\s*type: '([^']+)'/g)];
  // What the schema says of a type that it does not have names all the types that it has.
  const { error } = await uiMessageChunkSchema().validate({ type: '' });
  const issues = (error.cause ?? error).issues.flatMap((issue) => issue.errors.flat());
  return {
    transport: entries.map(([, event, phase]) => event ?? phase),
    ai: issues.filter(({ path }) => path[0] === 'type').map(({ values, message }) => values?.[0] ?? message),
  };
}

const commands = {
  encode: ({ chunks }) => encode(chunks),
  decode: ({ messages }) => decode(messages),
  packages: () => packages,
  types,
};

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  // Standard output carries our lines and nothing else, whatever a library may log.
  console.log = console.error;
  for await (const line of createInterface({ input: process.stdin })) {
    const { command, ...parameters } = JSON.parse(line);
    const answer = await Promise.resolve(parameters)
      .then(commands[command])
      .then((result) => ({ result }), (error) => ({ error: error?.stack ?? String(error) }));
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}
