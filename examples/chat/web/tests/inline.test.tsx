import { renderToStaticMarkup } from 'react-dom/server';
import { describe, expect, it } from 'vitest';

import { inline } from '../src/markdown/inline';

const shown = (text: string): string => renderToStaticMarkup(<>{inline(text)}</>);

describe('a line', () => {
  it('shows what is marked', () => {
    expect(shown('**a *b* c** and `*d*`')).toBe('<strong>a <em>b</em> c</strong> and <code>*d*</code>');
  });

  it('leaves marks without an end, and stars between numbers, as they are', () => {
    expect(shown('**a and `b and 2*3*4')).toBe('**a and `b and 2*3*4');
  });

  it('links to web pages only', () => {
    expect(shown('[a](https://example.com/b)')).toContain('href="https://example.com/b"');
    expect(shown('[a](javascript:alert(1))')).not.toContain('<a');
  });

  it('makes no HTML of HTML', () => {
    expect(shown('<img src=x onerror=alert(1)>')).toBe('&lt;img src=x onerror=alert(1)&gt;');
  });
});
