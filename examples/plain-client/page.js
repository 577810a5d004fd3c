/* global Ably */

import { follow, options } from './session.js';

const form = document.querySelector('#form');
const state = document.querySelector('#state');
const main = document.querySelector('#session');

// Building the page.

/** An element with attributes and children; what is text stays text, so nothing that an agent says can run. */
const make = (name, attributes = {}, ...children) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children.filter((child) => child || child === 0));
  return element;
};

/** JSON, on one line where it is short. */
const json = (value) => {
  const text = JSON.stringify(value, null, 2);
  return make('pre', {}, text.length > 60 ? text : text.replace(/\n */g, ' '));
};

const labelled = (label, value) =>
  value === undefined ? undefined : make('div', {}, make('span', { class: 'label' }, label), json(value));

/** Only links to the web are followed: an agent's source may be anything. */
const link = (url, text) => (/^https?:/i.test(url) ? make('a', { href: url, rel: 'noreferrer' }, text) : text);

const STATES = {
  'input-streaming': 'writing its input',
  'input-available': 'running',
  'output-available': 'done',
  'output-error': 'failed',
  'output-denied': 'denied',
  'approval-requested': 'asks for approval',
};

const showTool = (part) =>
  make('section', { class: 'tool', 'data-state': part.state },
    make('p', { class: 'tool-title' },
      make('span', { class: 'tool-name' }, part.title ?? part.toolName ?? part.type.slice('tool-'.length)),
      make('span', { class: 'badge' }, part.preliminary ? 'so far' : (STATES[part.state] ?? part.state))),
    labelled('input', part.input),
    labelled('output', part.output),
    part.errorText && make('p', { class: 'error' }, part.errorText));

const showPart = (part) => {
  if (part.toolCallId) return showTool(part);
  if (part.type === 'text') return make('p', { class: 'text' }, part.text);
  if (part.type === 'reasoning') {
    return make('section', { class: 'reasoning' }, make('span', { class: 'label' }, 'reasoning'), make('p', {}, part.text));
  }
  if (part.type === 'file') return make('p', {}, 'File: ', link(part.url, part.mediaType ?? 'file'));
  if (part.type === 'source-url') return make('p', {}, 'Source: ', link(part.url, part.title ?? part.url));
  if (part.type === 'source-document') return make('p', {}, `Source: ${part.title ?? part.filename ?? part.sourceId}`);
  if (part.type.startsWith('data-')) return labelled(part.type.slice('data-'.length), part.data);
  return null;
};

const showMessage = ({ id, agent, activityType, attempt, parts }, gaps = []) => {
  const missing = gaps.filter(({ messageId }) => messageId === id).reduce((sum, gap) => sum + gap.missing, 0);
  return make('article', {},
    make('header', {},
      make('h3', {}, agent || activityType || 'agent'),
      activityType && activityType !== agent && make('span', { class: 'label' }, activityType),
      attempt > 1 && make('span', { class: 'badge' }, `attempt ${attempt}`)),
    ...parts.map(showPart),
    missing > 0 && make('p', { class: 'error' }, `${missing} characters were lost on the way.`));
};

const showDead = ({ agent, attempt, supersededBy, messages }) =>
  make('section', { class: 'dead' },
    make('p', { class: 'label' }, `${agent}: attempt ${attempt}, replaced by attempt ${supersededBy}`),
    make('del', {}, ...messages.flatMap(({ parts }) => parts.map(showPart))));

const showRun = ({ id, status, error, messages, gaps, dead }, number) => {
  const said = dead.filter((attempt) => attempt.messages.length);
  const details = make('details', { 'data-key': id }, make('summary', {}, `Replaced attempts (${said.length})`), ...said.map(showDead));
  return make('section', { class: 'run', 'aria-label': `Run ${number + 1}` },
    make('header', {}, make('h2', {}, `Run ${number + 1}`), make('span', { class: 'badge', 'data-status': status }, status)),
    error && make('p', { class: 'error' }, error),
    ...messages.map((message) => showMessage(message, gaps)),
    said.length > 0 && details);
};

// Following the session.

/** Draw once a frame, however many words arrive in it. What the reader has opened stays open. */
let latest;
const draw = () => {
  const { runs } = latest.session;
  latest = undefined;
  const opened = new Set([...main.querySelectorAll('details[open]')].map(({ dataset }) => dataset.key));
  main.replaceChildren(...runs.map(showRun));
  if (!runs.length) main.append(document.querySelector('#empty').content.cloneNode(true));
  for (const details of main.querySelectorAll('details')) details.open = opened.has(details.dataset.key);
};
const show = (fold) => {
  if (!latest) requestAnimationFrame(draw);
  latest = fold;
};

let client;
const watch = async ({ channel, auth, endpoint }) => {
  client?.close();
  show({ session: { runs: [] } });
  client = new Ably.Realtime(options({ endpoint, auth }));
  client.connection.on(({ current, reason }) => {
    state.textContent = current === 'connected' ? `Watching ${channel}` : `${current}${reason ? `: ${reason.message}` : ''}`;
  });
  main.setAttribute('aria-busy', 'true');
  try {
    await follow(client.channels.get(channel), show);
  } catch (error) {
    state.textContent = `Unable to watch ${channel}: ${error.message}`;
  }
  main.setAttribute('aria-busy', 'false');
};

form.addEventListener('submit', (event) => {
  event.preventDefault();
  void watch(Object.fromEntries(new FormData(form)));
});

// `?channel=...&auth=...&endpoint=...` fills in the form. After "#" it never leaves this browser: the place for keys.
const given = new URLSearchParams([...new URLSearchParams(location.search), ...new URLSearchParams(location.hash.slice(1))]);
for (const [name, value] of given) if (form.elements[name]) form.elements[name].value = value;
if (form.checkValidity()) form.requestSubmit();
