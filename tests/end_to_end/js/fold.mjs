/**
 * The UIMessages that Ably's own reducer makes of the messages of one run, for tests/session.
 *
 * One JSON object a line. In: {messages}, whole and in the order of their serials, as from history. Out: {result} or
 * {error}, in the same order.
 */

import { createInterface } from 'node:readline';

import { createUIMessageCodec } from '@ably/ai-transport/vercel';

function fold(messages) {
  const codec = createUIMessageCodec();
  const decoder = codec.createDecoder();
  let state = codec.init();
  for (const message of messages) {
    const { serial, extras } = message;
    const meta = { serial, messageId: extras.ai.transport['codec-message-id'] };
    for (const event of decoder.decode(message).outputs) state = codec.fold(state, { direction: 'output', event }, meta);
  }
  return JSON.parse(JSON.stringify(codec.getMessages(state).map(({ message }) => message)));
}

// Standard output carries our lines and nothing else, whatever a library may log.
console.log = console.error;
for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = { result: fold(JSON.parse(line).messages) };
  } catch (error) {
    answer = { error: error.stack };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
