/** Follows a session with the bare `ably` package, in Node and in a browser. */

import { Fold } from './fold.js';

const PAGE = 100;

/**
 * Options for `new Ably.Realtime(...)`.
 *
 * `endpoint` is "host:port" of a local server, or an endpoint of Ably's; without one it is Ably's default. `auth` is an API key, or a token for
 * whatever your users can read.
 */
export const options = ({ endpoint, auth }) => {
  const credentials = auth.includes(':') ? { key: auth } : { token: auth };
  const [host, port] = (endpoint ?? '').split(':');
  if (!port) return host ? { ...credentials, endpoint: host } : credentials;
  const local = { port: Number(port), tls: false, disableConnectivityCheck: true, transports: ['web_socket'] };
  return { ...credentials, endpoint: host, ...local };
};

/** Call `onChange` with the fold whenever its session has changed; resolves once all up to now was taken in. */
export const follow = async (channel, onChange) => {
  const fold = new Fold();
  const take = (messages) => {
    const changes = messages.map((message) => fold.apply(message));
    if (changes.includes(true)) onChange(fold);
  };
  const readHistory = async () => {
    let page = await channel.history({ limit: PAGE });
    for (; page; page = page.hasNext() ? await page.next() : null) take(page.items);
  };
  // First the present, then the past: nothing falls between, and what overlaps is for the fold to tell apart.
  await channel.subscribe((message) => take([message]));
  // Away for too long, we have missed messages: the past has them.
  channel.on(['attached', 'update'], ({ resumed }) => resumed || readHistory().catch(console.error));
  await readHistory();
};
