/**
 * Pages of the chat in headless Chromium, one browser context a user, for the tests.
 *
 * One JSON object a line, as tests/end_to_end/js/view.mjs has it: commands in; replies, and what pages show, out. What a
 * page shows is told once a frame in which it has changed: all that an eye could have seen.
 */

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const tools = createRequire(new URL('../../end_to_end/js/package.json', import.meta.url));

// Standard output carries our lines and nothing else, whatever a library may log.
console.log = console.error;

const emit = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const describe = (error) => ({ code: error?.code ?? null, message: error?.message ?? String(error) });

const BROWSER_FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];

/** Runs in the page: tells what it shows, whenever that has changed. */
const watch = () => {
  const all = (id, within = document) => [...within.querySelectorAll(`[data-testid="${id}"]`)];
  const shot = () => ({
    loaded: all('chat')[0]?.dataset.loaded === 'true',
    connection: all('connection')[0]?.dataset.state ?? '',
    people: all('person').map((element) => element.dataset.clientId),
    runs: all('answer').map(({ dataset }) => ({ id: dataset.runId, status: dataset.runStatus })),
    messages: all('message').map((element) => ({
      role: element.dataset.role,
      agent: element.dataset.agent ?? '',
      attempt: Number(element.dataset.attempt ?? 1),
      status: element.dataset.status ?? '',
      run: element.dataset.runId ?? '',
      lane: element.closest('[data-testid="lane"]')?.dataset.agent ?? '',
      text: all('message-text', element).map((text) => text.dataset.text).join(''),
    })),
    tools: all('tool').map(({ dataset }) => ({ name: dataset.tool, state: dataset.state })),
    held: all('usechat-message').map(({ dataset }) => ({ role: dataset.role, text: dataset.text })),
    asking: all('usechat')[0]?.dataset.status ?? '',
    notices: all('notice').map(({ dataset }) => dataset.kind),
  });
  let latest = '';
  let waiting = false;
  const tell = () => {
    waiting = false;
    const now = JSON.stringify(shot());
    if (now === latest) return;
    latest = now;
    window.tellTest(now);
  };
  const changed = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(tell);
  };
  new MutationObserver(changed).observe(document, { attributes: true, characterData: true, childList: true, subtree: true });
  changed();
};

const pages = new Map();
let browser;

const commands = {
  open: async ({ session, executable, url, scheme, width, height }) => {
    browser ??= await tools('playwright-core').chromium.launch({ executablePath: executable, args: BROWSER_FLAGS });
    const context = await browser.newContext({ colorScheme: scheme, viewport: { width, height } });
    await context.exposeBinding('tellTest', (_, text) => emit({ event: 'shot', session, shot: JSON.parse(text) }));
    await context.addInitScript(watch);
    const page = await context.newPage();
    page.complaints = [];
    page.on('pageerror', (error) => page.complaints.push(String(error)));
    page.on('console', (message) => message.type() === 'error' && page.complaints.push(message.text()));
    pages.set(session, page);
    await page.goto(url);
  },
  click: async ({ session, test_id, nth }) => {
    await pages.get(session).getByTestId(test_id).nth(nth).click();
  },
  fill: async ({ session, test_id, text }) => {
    await pages.get(session).getByTestId(test_id).fill(text);
  },
  reload: async ({ session }) => {
    await pages.get(session).reload();
  },
  wait: async ({ session, expression }) => {
    await pages.get(session).waitForFunction(expression);
  },
  read: async ({ session, expression }) => pages.get(session).evaluate(expression),
  complaints: async ({ session }) => pages.get(session).complaints,
  picture: async ({ session, path }) => {
    await pages.get(session).screenshot({ path });
  },
  close: async ({ session }) => pages.get(session).context().close(),
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
