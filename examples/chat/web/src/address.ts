/** Which chat this page shows, and as whom: `/?chat=<id>&user=<name>`. */

export interface Address {
  chat: string;
  user: string;
}

const CHAT = /^[a-z0-9-]{1,40}$/;
const USER = /^[A-Za-z][A-Za-z0-9_-]{0,31}$/;
const DEFAULT_USER = 'alice';

/** The name of the session, which is an Ably channel. */
export const sessionName = (chat: string): string => `ai:chat-${chat}`;

export const newChat = (): string => `tide-${crypto.getRandomValues(new Uint32Array(1))[0]?.toString(36) ?? '0'}`;

export const href = ({ chat, user }: Address): string => `?${new URLSearchParams({ chat, user }).toString()}`;

/** Read the address; what is missing or not allowed is made up, and `complete` tells whether that was so. */
export const readAddress = (search: string): Address & { complete: boolean } => {
  const asked = new URLSearchParams(search);
  const chat = asked.get('chat') ?? '';
  const user = asked.get('user') ?? '';
  const complete = CHAT.test(chat) && USER.test(user);
  return { chat: CHAT.test(chat) ? chat : newChat(), user: USER.test(user) ? user : DEFAULT_USER, complete };
};

/** The name as people read it: "alice" is "Alice". */
export const personName = (clientId: string): string => clientId.charAt(0).toUpperCase() + clientId.slice(1);
