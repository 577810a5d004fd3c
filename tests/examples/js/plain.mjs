/**
 * Runs examples/plain-client for the tests: its fold over lists of messages, its watching of a channel, its page.
 *
 * One JSON object a line, as tests/end_to_end/js/view.mjs has it: commands in; replies, and sessions as they change, out.
 */

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

import { Fold } from '../../../examples/plain-client/fold.js';
import { follow, options } from '../../../examples/plain-client/session.js';

const Ably = createRequire(new URL('../../../examples/plain-client/package.json', import.meta.url))('ably');
const tools = createRequire(new URL('../../end_to_end/js/package.json', import.meta.url));

// Standard output carries our lines and nothing else, whatever a library may log.
console.log = console.error;

const emit = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const describe = (error) => ({ code: error?.code ?? null, message: error?.message ?? String(error) });

const BROWSER_FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];

const clients = new Map();
const pages = new Map();
let browser;

const commands = {
  fold: async ({ lists }) =>
    lists.map((messages) => {
      const fold = new Fold();
      for (const message of messages) fold.apply(message);
      return fold.session;
    }),
  follow: async ({ session, channel, endpoint, auth }) => {
    const client = new Ably.Realtime({ ...options({ endpoint, auth }), logLevel: 0 });
    clients.set(session, client);
    let latest;
    // All that a tick brings in is told at once: no reader sees what lies between.
    const tell = () => {
      const fold = latest;
      if (!fold) return;
      latest = undefined;
      emit({ event: 'session', session, value: fold.session });
    };
    await follow(client.channels.get(channel), (fold) => {
      if (!latest) setImmediate(tell);
      latest = fold;
    });
    tell(); // The reply means that all up to now was told.
  },
  unfollow: async ({ session }) => clients.get(session).close(),
  open: async ({ session, executable, url, scheme, width, height }) => {
    browser ??= await tools('playwright-core').chromium.launch({ executablePath: executable, args: BROWSER_FLAGS });
    const page = await browser.newPage({ colorScheme: scheme, viewport: { width, height } });
    pages.set(session, page);
    page.complaints = [];
    page.on('pageerror', (error) => page.complaints.push(String(error)));
    page.on('console', (message) => message.type() === 'error' && page.complaints.push(message.text()));
    await page.goto(url);
  },
  wait: async ({ session, expression }) => {
    await pages.get(session).waitForFunction(expression);
  },
  read: async ({ session, expression }) => pages.get(session).evaluate(expression),
  complaints: async ({ session }) => pages.get(session).complaints,
  close: async ({ session }) => pages.get(session).close(),
  picture: async ({ session, path }) => {
    await pages.get(session).screenshot({ path, fullPage: true });
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
await browser?.close();
process.exit(0);
