import { Fragment, memo, type ReactNode } from 'react';

import { blocksOf, type Block } from './blocks';
import { inline } from './inline';

const withBreaks = (lines: readonly string[]): ReactNode =>
  lines.map((line, index) => (
    <Fragment key={index}>
      {index > 0 && <br />}
      {inline(line)}
    </Fragment>
  ));

const BlockView = ({ block }: { block: Block }): ReactNode => {
  switch (block.kind) {
    case 'paragraph':
      return <p>{withBreaks(block.lines)}</p>;
    case 'heading':
      // The page's own headings are above these, so a model's title is no title of the page.
      return block.level <= 2 ? <h3>{inline(block.text)}</h3> : <h4>{inline(block.text)}</h4>;
    case 'code':
      return (
        <pre tabIndex={0} aria-label={block.language === '' ? 'Code' : `Code, ${block.language}`}>
          <code>{block.lines.join('\n')}</code>
        </pre>
      );
    case 'quote':
      return <blockquote>{withBreaks(block.lines)}</blockquote>;
    case 'list': {
      const items = block.items.map((item, index) => <li key={index}>{withBreaks(item.split('\n'))}</li>);
      return block.ordered ? <ol start={block.start}>{items}</ol> : <ul>{items}</ul>;
    }
    case 'rule':
      return <hr />;
  }
};

/** A text of a model. Nothing in it becomes HTML: it is React's elements from the start. */
export const Markdown = memo(({ text }: { text: string }): ReactNode =>
  blocksOf(text).map((block, index) => <BlockView key={index} block={block} />),
);
