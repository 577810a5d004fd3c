import { useId, type ReactNode } from 'react';

interface Props {
  title: string;
  text: string;
  on: boolean;
  disabled: boolean;
  testId: string;
  onToggle: () => void;
}

/** A switch, with what it does. */
export const Toggle = ({ title, text, on, disabled, testId, onToggle }: Props): ReactNode => {
  const id = useId();
  return (
    <div className="breaker">
      <div className="breaker-words">
        <h3 id={`${id}-title`}>{title}</h3>
        <p id={`${id}-text`}>{text}</p>
      </div>
      <button
        type="button"
        role="switch"
        className="switch"
        aria-checked={on}
        aria-labelledby={`${id}-title`}
        aria-describedby={`${id}-text`}
        disabled={disabled}
        data-testid={testId}
        onClick={onToggle}
      >
        <i aria-hidden="true" />
      </button>
    </div>
  );
};
