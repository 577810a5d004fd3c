/**
 * Records what Ably's own codec writes and reads for a corpus of UIMessage chunks: the golden files of tests/codec.
 *
 *   node tests/end_to_end/js/golden.mjs tests/codec/golden
 *
 * The corpus is fixed, so the files change only with the packages, whose versions they hold.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { decode, encode, packages } from './codec.mjs';

const meta = { anthropic: { signature: 'EqQ\u00df\u2028"\\', n: 1 } };
const deep = { city: 'Zürich', days: [1, 2.5, null, true], nested: { empty: {}, list: [] } };
const call = { toolCallId: 'call-1', toolName: 'getWeather' };

/** Each chunk type with what it must have, and the keys that it may have. Of streams, the chunks around it too. */
const TYPES = [
  { chunk: { type: 'start' }, may: { messageId: 'm-1', messageMetadata: deep } },
  { chunk: { type: 'start-step' } },
  { chunk: { type: 'finish-step' } },
  { chunk: { type: 'finish' }, may: { finishReason: 'tool-calls', messageMetadata: deep } },
  { chunk: { type: 'message-metadata', messageMetadata: deep } },
  { chunk: { type: 'error', errorText: 'the model is overloaded' } },
  { chunk: { type: 'abort' }, may: { reason: 'user' } },
  ...['text', 'reasoning'].flatMap((kind) => {
    const [start, delta, end] = ['start', 'delta', 'end'].map((phase) => ({ type: `${kind}-${phase}`, id: 'p-1' }));
    const text = { ...delta, delta: 'héllo 👋\n' };
    return [
      { chunk: start, after: [text, end], may: { providerMetadata: meta } },
      { chunk: text, before: [start], after: [end], may: { providerMetadata: meta } },
      { chunk: end, before: [start, text], may: { providerMetadata: meta } },
      { chunk: end, before: [{ ...start, providerMetadata: { p: { at: 'start' } } }], may: { providerMetadata: meta } },
    ];
  }),
  {
    chunk: { type: 'tool-input-start', ...call },
    after: [
      { type: 'tool-input-delta', toolCallId: 'call-1', inputTextDelta: '{}' },
      { type: 'tool-input-available', ...call, input: {} },
    ],
    may: { dynamic: true, title: 'Weather', providerExecuted: false, providerMetadata: meta },
    ignored: { toolMetadata: { a: 1 }, inputEncoding: 'json' },
  },
  {
    chunk: { type: 'tool-input-delta', toolCallId: 'call-1', inputTextDelta: '{"city":"Zürich"}' },
    before: [{ type: 'tool-input-start', ...call }],
    after: [{ type: 'tool-input-available', ...call, input: { city: 'Zürich' } }],
  },
  ...['{"a":1}', '', 'not JSON', '7', 'null', '"text"'].map((text) => ({
    chunk: { type: 'tool-input-available', ...call, input: null },
    before: [
      { type: 'tool-input-start', ...call, dynamic: true, title: 'T', providerMetadata: { p: { at: 'start' } } },
      ...(text ? [{ type: 'tool-input-delta', toolCallId: 'call-1', inputTextDelta: text }] : []),
    ],
    may: text === '{"a":1}' ? { providerMetadata: meta } : {},
  })),
  ...[deep, [], 'text', '', null].map((input) => ({
    chunk: { type: 'tool-input-available', ...call, input },
    may: { dynamic: false, title: 'Weather', providerExecuted: true, providerMetadata: meta },
    ignored: { toolMetadata: { a: 1 } },
  })),
  {
    chunk: { type: 'tool-input-error', ...call, errorText: 'no such city' },
    may: { input: deep, dynamic: true, title: 'Weather', providerExecuted: true, providerMetadata: meta },
  },
  ...[deep, 7, false, null, 'text'].map((output) => ({
    chunk: { type: 'tool-output-available', toolCallId: 'call-1', output },
    may: { dynamic: true, providerExecuted: true, preliminary: true },
    ignored: { providerMetadata: meta },
  })),
  { chunk: { type: 'tool-output-available', toolCallId: 'call-1' } },
  {
    chunk: { type: 'tool-output-error', toolCallId: 'call-1', errorText: 'timed out' },
    may: { dynamic: false, providerExecuted: true },
  },
  {
    chunk: { type: 'tool-approval-request', toolCallId: 'call-1', approvalId: 'a-1' },
    ignored: { signature: 's', approvalDescriptor: { a: 1 } },
  },
  { chunk: { type: 'tool-output-denied', toolCallId: 'call-1' } },
  {
    chunk: { type: 'file', url: 'https://example.com/a.png', mediaType: 'image/png' },
    may: { providerMetadata: meta },
  },
  {
    chunk: { type: 'source-url', sourceId: 's-1', url: 'https://example.com' },
    may: { title: 'Example', providerMetadata: meta },
  },
  {
    chunk: { type: 'source-document', sourceId: 's-1', mediaType: 'application/pdf', title: 'Paper' },
    may: { filename: 'paper.pdf', providerMetadata: meta },
  },
  ...[deep, [1], 'text', '', null].map((data) => ({
    chunk: { type: 'data-progress', data },
    may: { id: 'd-1', transient: true },
  })),
  { chunk: { type: 'data-progress', data: {} }, may: { transient: false } },
  { chunk: { type: 'data-', data: {} } },
];

const BEGIN = [{ type: 'start', messageId: 'm-0' }, { type: 'start-step' }];
const nulls = (keys) => Object.fromEntries(Object.keys(keys).map((key) => [key, null]));

/** Gives the forms of one entry: bare, with each optional key, with all of them, with nulls, with what is not carried. */
function* formsOf({ chunk, before = [], after = [], may = {}, ignored }) {
  const optional = Object.entries(may);
  const forms = [{}, ...optional.map(([key, value]) => ({ [key]: value }))];
  if (optional.length > 1) forms.push(may);
  if (optional.length) forms.push(nulls(may));
  if (ignored) forms.push(ignored);
  // Before a stream that no start precedes, a reader puts one of its own.
  const begin = before.length || after.length || chunk.type.startsWith('tool-input') ? BEGIN : [];
  for (const form of forms) {
    const keys = Object.entries(form).map(([key, value]) => (value === null ? `${key}: null` : key));
    const name = [chunk.type, ...(keys.length ? ['with', keys.join(', ')] : [])].join(' ');
    yield { name, chunks: [...begin, ...before, { ...chunk, ...form }, ...after] };
  }
}

/** Numbers that look random and are the same in every run (mulberry32). */
function randomOf(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

const WORDS = ['Hello', ' world', '', '\n\n', ' 👩‍👩‍👧', 'ß\u0301', '"', '\\', '\u2028', '```js\n', '{"a":', '1}'];

/** Gives one run of an agent: messages of steps, in which streams interleave and tools are called. */
function mix(seed) {
  const random = randomOf(seed);
  const some = (values) => values[Math.floor(random() * values.length)];
  const maybe = (keys) => Object.fromEntries(Object.entries(keys).filter(() => random() < 0.4));
  const chunks = [];
  let count = 0;
  const next = (prefix) => `${prefix}-${count++}`;

  const texts = (kind) => {
    const id = next(kind);
    const deltas = Array.from({ length: Math.floor(random() * 4) }, () => ({ type: `${kind}-delta`, id, delta: some(WORDS) }));
    return [
      { type: `${kind}-start`, id, ...maybe({ providerMetadata: meta }) },
      ...deltas,
      { type: `${kind}-end`, id, ...maybe({ providerMetadata: { p: { at: 'end' } } }) },
    ];
  };
  const tool = () => {
    const ids = { toolCallId: next('call'), toolName: some(['getWeather', 'search']) };
    const input = { q: some(WORDS), n: count };
    const flags = maybe({ dynamic: true, title: 'Tool', providerExecuted: true, providerMetadata: meta });
    const available = { type: 'tool-input-available', ...ids, input, ...flags };
    const json = JSON.stringify(input);
    const cut = Math.floor(random() * json.length);
    const delta = (inputTextDelta) => ({ type: 'tool-input-delta', toolCallId: ids.toolCallId, inputTextDelta });
    const called = some([
      [available],
      [{ type: 'tool-input-start', ...ids, ...flags }, delta(json.slice(0, cut)), delta(json.slice(cut)), available],
      [{ type: 'tool-input-error', ...ids, input, errorText: 'invalid', ...flags }],
    ]);
    const { toolCallId } = ids;
    const outcome = some([
      [{ type: 'tool-output-available', toolCallId, output: { n: 1.5 }, ...maybe({ dynamic: true, preliminary: false }) }],
      [
        { type: 'tool-output-available', toolCallId, output: { done: 1 }, preliminary: true },
        { type: 'tool-output-available', toolCallId, output: { done: 2 } },
      ],
      [{ type: 'tool-output-error', toolCallId, errorText: 'timed out' }],
      [{ type: 'tool-approval-request', toolCallId, approvalId: next('approval') }],
      [{ type: 'tool-approval-request', toolCallId, approvalId: next('approval') }, { type: 'tool-output-denied', toolCallId }],
      [],
    ]);
    return [...called, ...outcome];
  };
  const whole = () => [
    some([
      { type: 'file', url: 'https://example.com/a', mediaType: 'text/plain' },
      { type: 'source-url', sourceId: next('s'), url: 'https://example.com', ...maybe({ title: 'Example' }) },
      { type: 'source-document', sourceId: next('s'), mediaType: 'text/plain', title: 'Notes' },
      { type: 'data-progress', data: { done: count }, ...maybe({ id: 'p', transient: true }) },
      { type: 'message-metadata', messageMetadata: { tokens: count } },
    ]),
  ];
  const threads = [() => texts('text'), () => texts('reasoning'), tool, whole];

  for (let message = 0; message < 2; message++) {
    chunks.push({ type: 'start', ...maybe({ messageId: next('m'), messageMetadata: { model: 'm' } }) });
    for (let step = 0; step < 2; step++) {
      chunks.push({ type: 'start-step' });
      let open = Array.from({ length: 1 + Math.floor(random() * 3) }, () => some(threads)());
      while (open.length) {
        chunks.push(some(open).shift());
        open = open.filter((thread) => thread.length);
      }
      chunks.push({ type: 'finish-step' });
    }
    chunks.push({ type: 'finish', ...maybe({ finishReason: some(['stop', 'length', 'other']), messageMetadata: { tokens: count } }) });
  }
  return chunks;
}

const open = (id) => [
  { type: 'text-start', id, providerMetadata: meta },
  { type: 'text-delta', id, delta: 'kept ' },
  { type: 'text-delta', id, delta: 'text' },
];

const FILES = {
  types: TYPES.flatMap((entry) => [...formsOf(entry)]),
  mixes: Array.from({ length: 12 }, (_, seed) => ({ name: `seed ${seed}`, chunks: mix(seed) })),
  ends: [
    { name: 'cancelled', chunks: [...BEGIN, ...open('0'), ...open('1'), { type: 'text-end', id: '0' }], cancel: true },
    { name: 'repaired', chunks: [...BEGIN, ...open('0'), { type: 'text-end', id: '0' }], refuses: 'append' },
    { name: 'repaired and cancelled', chunks: [...BEGIN, ...open('0')], cancel: true, refuses: 'append' },
  ],
};

const [folder] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
for (const [file, cases] of Object.entries(FILES)) {
  const lines = [];
  for (const { name, chunks, ...options } of cases) {
    const messages = await encode(chunks, options);
    lines.push(JSON.stringify({ name, chunks, messages, decoded: decode(messages) }));
  }
  const head = JSON.stringify({ packages }).slice(0, -1);
  writeFileSync(join(folder, `${file}.json`), `${head},"cases":[\n${lines.join(',\n')}\n]}\n`);
}
