/**
 * Runs pieces of JavaScript against Ably's own client, for the tests of the local server.
 *
 * One JSON object a line, as tests/end_to_end/js/view.mjs has it: commands in, replies out. `open` makes a client, `run`
 * runs the body of an async function that sees `client`, `Ably` and `kept`, where a test keeps what it needs later.
 */

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const Ably = createRequire(new URL('../../end_to_end/js/package.json', import.meta.url))('ably');
const AsyncFunction = (async () => undefined).constructor;

// Standard output carries our lines and nothing else, whatever a library may log.
console.log = console.error;

const emit = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const describe = (error) => ({ code: error?.code ?? null, message: error?.message ?? String(error) });

const sessions = new Map();

/** Gives the tokens of a list one after the other, the last one again and again; or signs requests with a key. */
const authCallback = ({ tokens, signsWith, signer }) => (params, callback) => {
  if (!signsWith) return callback(null, tokens.length > 1 ? tokens.shift() : tokens[0]);
  signer.auth.createTokenRequest(params).then((request) => callback(null, request), callback);
};

const commands = {
  open: async ({ session, host, port, tokens, signsWith, options }) => {
    const where = { endpoint: host, port, tls: false, disableConnectivityCheck: true, logLevel: 0 };
    const signer = signsWith ? new Ably.Rest({ ...where, key: signsWith }) : undefined;
    const auth = tokens || signsWith ? { authCallback: authCallback({ tokens, signsWith, signer }) } : {};
    const retries = { disconnectedRetryTimeout: 100, suspendedRetryTimeout: 100 };
    sessions.set(session, { client: new Ably.Realtime({ ...where, ...retries, ...auth, ...options }), kept: {} });
  },
  run: async ({ session, code }) => {
    const { client, kept } = sessions.get(session);
    return (await new AsyncFunction('client', 'Ably', 'kept', code)(client, Ably, kept)) ?? null;
  },
  close: async ({ session }) => {
    sessions.get(session).client.close();
    sessions.delete(session);
  },
};

createInterface({ input: process.stdin }).on('line', async (line) => {
  const { id, command, ...rest } = JSON.parse(line);
  try {
    emit({ event: 'reply', id, result: (await commands[command](rest)) ?? null });
  } catch (error) {
    emit({ event: 'reply', id, error: describe(error) });
  }
}).on('close', () => process.exit(0));

process.on('unhandledRejection', (error) => emit({ event: 'crash', message: String(error), stack: error?.stack ?? null }));
