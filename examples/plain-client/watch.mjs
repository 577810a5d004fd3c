/** Prints a session as it grows: `node watch.mjs ai:hello-1`. */

import * as Ably from 'ably';

import { follow, options } from './session.js';

const { ABLY_API_KEY, ABLY_ENDPOINT } = process.env;
const [channel] = process.argv.slice(2);
if (!channel || !ABLY_API_KEY) {
  console.error('unable to watch; usage: ABLY_API_KEY=... [ABLY_ENDPOINT=host:port] node watch.mjs CHANNEL');
  process.exit(2);
}

const fail = ({ message }) => {
  console.error(`unable to watch ${channel}; ${message.split('\n')[0]}; check ABLY_API_KEY and what it may read`);
  process.exit(1);
};

/** One part on a line. Whatever is more than text is shown as JSON. */
const describe = ({ type, ...rest }) => (type === 'text' ? rest.text : `[${type}] ${rest.text ?? JSON.stringify(rest)}`);

const linesOf = ({ runs }) =>
  runs.flatMap(({ messages, dead, status, error }) => [
    ...dead.map(({ agent, attempt, supersededBy }) => `(${agent}: attempt ${attempt} was replaced by ${supersededBy})`),
    ...messages.flatMap(({ agent, attempt, parts }) => [
      `${agent}, attempt ${attempt}:`,
      ...parts.filter(({ type }) => type !== 'step-start').map((part) => `  ${describe(part)}`),
    ]),
    ...(status === 'active' ? [] : [`run ${status}${error ? `: ${error}` : ''}`]),
  ]);

/** A terminal shows the session as it stands; a file gets each line that is new or has changed. */
let printed = [];
const print = (lines) => {
  if (process.stdout.isTTY) console.clear();
  const news = process.stdout.isTTY ? lines : lines.filter((line, place) => line !== printed[place]);
  for (const line of news) console.log(line);
  printed = lines;
};

try {
  // What Ably has to say comes as an error; its log would say it twice.
  const client = new Ably.Realtime({ ...options({ endpoint: ABLY_ENDPOINT, auth: ABLY_API_KEY }), logLevel: 0 });
  client.connection.on('failed', ({ reason }) => fail(reason));
  await follow(client.channels.get(channel), (fold) => print(linesOf(fold.session)));
  console.error(`watching ${channel}; Ctrl-C stops it`);
} catch (error) {
  fail(error);
}
