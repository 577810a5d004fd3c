import type { ReactNode } from 'react';

import { href, newChat, personName, type Address } from '../address';
import type { Connection } from '../hooks/use-connection';
import type { Theme } from '../hooks/use-theme';
import type { WorkbenchPlace } from '../hooks/use-workbench';
import { Avatar } from './avatar';
import { ConnectionPill } from './connection-pill';
import { Mark, MoonIcon, PlusIcon, StormIcon, SunIcon } from './icons';

/** The two of the demonstration. */
const CAST = ['alice', 'bob'];

interface Props {
  address: Address;
  people: readonly string[];
  connection: Connection | null;
  theme: Theme;
  onTheme: () => void;
  place: WorkbenchPlace;
}

const People = ({ address, people }: Pick<Props, 'address' | 'people'>): ReactNode => {
  const missing = CAST.find((clientId) => !people.includes(clientId));
  return (
    <div className="people">
      <ul aria-label="In this chat" data-testid="presence">
        {people.map((clientId) => (
          <li key={clientId} data-testid="person" data-client-id={clientId} title={personName(clientId)}>
            <Avatar clientId={clientId} />
            <span className="visually-hidden">
              {personName(clientId)}
              {clientId === address.user && ', you'}
            </span>
          </li>
        ))}
      </ul>
      {missing !== undefined && (
        <a className="invite" href={href({ ...address, user: missing })} target="_blank" rel="noreferrer">
          <PlusIcon />
          <span>Join as {personName(missing)}</span>
        </a>
      )}
    </div>
  );
};

/** Who is here, and how the connection is. */
export const Header = (props: Props): ReactNode => {
  const { address, people, connection, theme, onTheme, place } = props;
  return (
    <header className="header">
      <a className="brand" href={href({ ...address, chat: newChat() })} title="New chat">
        <Mark />
        <span className="brand-name">Keel</span>
        <span className="visually-hidden">New chat</span>
      </a>
      <h1 className="chat-name">
        <span className="visually-hidden">Chat </span>
        {address.chat}
      </h1>
      {connection && <ConnectionPill connection={connection} />}
      <People address={address} people={people} />
      <button
        type="button"
        className="tool-button large"
        aria-label={theme === 'dark' ? 'Light colours' : 'Dark colours'}
        title={theme === 'dark' ? 'Light colours' : 'Dark colours'}
        data-testid="theme"
        onClick={onTheme}
      >
        {theme === 'dark' ? <SunIcon /> : <MoonIcon />}
      </button>
      <button
        ref={place.opener}
        type="button"
        className="tool-button large"
        aria-label="Break things"
        title="Break things"
        aria-expanded={place.open}
        aria-controls="workbench"
        data-testid="workbench-toggle"
        onClick={place.toggle}
      >
        <StormIcon />
      </button>
    </header>
  );
};
