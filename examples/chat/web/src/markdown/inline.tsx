import { Fragment, type ReactNode } from 'react';

/** Code, bold, italic, link: the first alternative that matches wins, so that marks inside code stay as they are. */
const MARKS =
  /`(?<code>[^`\n]+)`|\*\*(?<strong>(?:[^*\n]|\*(?!\*))+?)\*\*|(?<![*\w])\*(?<em>[^*\s][^*\n]*?)\*(?![*\w])|\[(?<label>[^\]\n]+)\]\((?<link>https?:\/\/[^\s)]+)\)/g;

const marked = (groups: Record<string, string | undefined>): ReactNode => {
  const { code, strong, em, label, link } = groups;
  if (code !== undefined) return <code>{code}</code>;
  if (strong !== undefined) return <strong>{inline(strong)}</strong>;
  if (em !== undefined) return <em>{inline(em)}</em>;
  return (
    <a href={link} target="_blank" rel="noreferrer">
      {label}
    </a>
  );
};

/** A line of Markdown. A mark without its end, as in the midst of a stream, is text. */
export const inline = (text: string): ReactNode => {
  const pieces: ReactNode[] = [];
  let end = 0;
  for (const match of text.matchAll(MARKS)) {
    if (match.index > end) pieces.push(text.slice(end, match.index));
    pieces.push(marked(match.groups ?? {}));
    end = match.index + match[0].length;
  }
  if (end < text.length) pieces.push(text.slice(end));
  return pieces.map((piece, index) => <Fragment key={index}>{piece}</Fragment>);
};
