import '@fontsource-variable/instrument-sans';
import '@fontsource-variable/newsreader';
import '@fontsource-variable/newsreader/wght-italic.css';

import './styles/tokens.css';
import './styles/base.css';
import './styles/frame.css';
import './styles/transcript.css';
import './styles/lanes.css';
import './styles/composer.css';
import './styles/workbench.css';

import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

import { App } from './app';

const root = document.getElementById('root');
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
