/**
 * Two other folds, for tests/session: Ably's own reducer, and the one of examples/plain-client.
 *
 * One JSON object a line. In: {ui: messages}, those of one run, whole and in the order of their serials, as from
 * history; or {plain: messages}, in any order. Out: {result} (UIMessages, or a session) or {error}, in the same order.
 */

import { createInterface } from 'node:readline';

import { createUIMessageCodec } from '@ably/ai-transport/vercel';

import { Fold } from '../../../examples/plain-client/fold.js';

function foldUi(messages) {
  const codec = createUIMessageCodec();
  const decoder = codec.createDecoder();
  let state = codec.init();
  for (const message of messages) {
    const { serial, extras } = message;
    const meta = { serial, messageId: extras.ai.transport['codec-message-id'] };
    for (const event of decoder.decode(message).outputs) state = codec.fold(state, { direction: 'output', event }, meta);
  }
  return codec.getMessages(state).map(({ message }) => message);
}

function foldPlain(messages) {
  const fold = new Fold();
  for (const message of messages) fold.apply(message);
  return fold.session;
}

// Standard output carries our lines and nothing else, whatever a library may log.
console.log = console.error;
for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    const { ui, plain } = JSON.parse(line);
    answer = { result: ui ? foldUi(ui) : foldPlain(plain) };
  } catch (error) {
    answer = { error: error.stack };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
