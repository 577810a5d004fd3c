import { useState, type ReactNode } from 'react';

import { personName } from '../address';
import type { Versions } from '../conversation';
import { modeOf, type Mode } from '../mode';
import { textOf, type Prompt } from '../transcript';
import { Avatar, colourOf } from './avatar';
import { EditBox } from './edit-box';
import { EditIcon, TeamIcon } from './icons';
import { VersionSwitch } from './version-switch';

interface Props {
  prompt: Prompt;
  author: string;
  user: string;
  /** The user may ask something else now. */
  free: boolean;
  versions: Versions;
  onEdit: (messageId: string, text: string, mode: Mode) => void;
}

/** What somebody asked. */
export const PromptView = ({ prompt, author, user, free, versions, onEdit }: Props): ReactNode => {
  const [editing, setEditing] = useState(false);
  const { id, message } = prompt.entry;
  const text = textOf(message);
  const mode = modeOf(message);
  const own = author === user;
  const name = own ? 'You' : personName(author);

  const save = (changed: string): void => {
    setEditing(false);
    onEdit(message.id, changed, mode);
  };
  return (
    <article
      className={own ? 'prompt' : `prompt of-other tone-${String(colourOf(author))}`}
      aria-label={`${name} asked`}
      data-testid="message"
      data-role="user"
      data-message-id={message.id}
      data-codec-message-id={id}
      data-author={author}
      data-status="done"
    >
      {!own && (
        <span className="prompt-author">
          <Avatar clientId={author} />
          {name}
        </span>
      )}
      {editing ? (
        <EditBox
          text={text}
          onSave={save}
          onCancel={() => {
            setEditing(false);
          }}
        />
      ) : (
        <div className="bubble" data-testid="message-text" data-text={text}>
          {text}
        </div>
      )}
      <footer className="actions">
        <VersionSwitch versions={versions} of="message" />
        {!editing && (
          <button
            type="button"
            className="action"
            data-testid="edit"
            disabled={!free}
            onClick={() => {
              setEditing(true);
            }}
          >
            <EditIcon />
            Edit
          </button>
        )}
        {mode === 'team' && (
          <span className="note">
            <TeamIcon />
            to the team
          </span>
        )}
      </footer>
    </article>
  );
};
