import { useEffect, useState, type KeyboardEvent, type ReactNode } from 'react';

import { useAutoGrow } from '../hooks/use-auto-grow';

interface Props {
  text: string;
  onSave: (text: string) => void;
  onCancel: () => void;
}

/** Where a prompt is written anew. */
export const EditBox = ({ text, onSave, onCancel }: Props): ReactNode => {
  const [draft, setDraft] = useState(text);
  const area = useAutoGrow(draft);

  useEffect(() => {
    const element = area.current;
    element?.focus();
    element?.scrollIntoView({ block: 'nearest' });
    element?.setSelectionRange(element.value.length, element.value.length);
  }, [area]);

  const save = (): void => {
    if (draft.trim() !== '') onSave(draft.trim());
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') {
      event.stopPropagation();
      onCancel();
    } else if (event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing) {
      event.preventDefault();
      save();
    }
  };
  return (
    <form
      className="edit"
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
    >
      <textarea
        ref={area}
        rows={1}
        value={draft}
        aria-label="Edit your message"
        data-testid="edit-box"
        onChange={(event) => {
          setDraft(event.target.value);
        }}
        onKeyDown={onKeyDown}
      />
      <div className="edit-buttons">
        <button type="button" className="button" data-testid="edit-cancel" onClick={onCancel}>
          Cancel
        </button>
        <button type="submit" className="button primary" data-testid="edit-save" disabled={draft.trim() === ''}>
          Ask again
        </button>
      </div>
    </form>
  );
};
