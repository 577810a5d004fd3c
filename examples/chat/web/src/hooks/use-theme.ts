import { useCallback, useEffect, useState } from 'react';

export type Theme = 'light' | 'dark';

const KEY = 'keel-theme';
const DARK = '(prefers-color-scheme: dark)';

const chosen = (): Theme | null => {
  const kept = localStorage.getItem(KEY);
  return kept === 'light' || kept === 'dark' ? kept : null;
};

/** Light or dark: as the system has it until the user says otherwise. */
export const useTheme = (): { theme: Theme; toggle: () => void } => {
  const [choice, setChoice] = useState(chosen);
  const [systemIsDark, setSystemIsDark] = useState(() => matchMedia(DARK).matches);
  const theme = choice ?? (systemIsDark ? 'dark' : 'light');

  useEffect(() => {
    const query = matchMedia(DARK);
    const update = (): void => {
      setSystemIsDark(query.matches);
    };
    query.addEventListener('change', update);
    return () => {
      query.removeEventListener('change', update);
    };
  }, []);

  useEffect(() => {
    if (choice) {
      document.documentElement.dataset['theme'] = choice;
      localStorage.setItem(KEY, choice);
    }
  }, [choice]);

  const toggle = useCallback(() => {
    setChoice(theme === 'dark' ? 'light' : 'dark');
  }, [theme]);
  return { theme, toggle };
};
