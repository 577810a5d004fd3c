import { describe, expect, it } from 'vitest';

import { blocksOf } from '../src/markdown/blocks';

describe('blocks', () => {
  it('keeps the lines of a paragraph together and begins a new one after a blank line', () => {
    expect(blocksOf('One\ntwo\n\nthree')).toEqual([
      { kind: 'paragraph', lines: ['One', 'two'] },
      { kind: 'paragraph', lines: ['three'] },
    ]);
  });

  it('goes on with a list across blank lines, from the number that it began with', () => {
    expect(blocksOf('3. a\n\n4. b\nmore')).toEqual([
      { kind: 'list', ordered: true, start: 3, items: ['a', 'b\nmore'] },
    ]);
  });

  it('tells the kinds apart', () => {
    const kinds = blocksOf('# Title\n- a\n* b\n> q\n> r\n---\nend').map((block) => block.kind);
    expect(kinds).toEqual(['heading', 'list', 'quote', 'rule', 'paragraph']);
  });

  it('takes nothing in code for a mark, and leaves an open block open to the end', () => {
    expect(blocksOf('```py\n# no title\n\n- no list')).toEqual([
      { kind: 'code', language: 'py', lines: ['# no title', '', '- no list'] },
    ]);
  });

  it('shows every beginning of a text, as a stream brings it', () => {
    const text = 'A **bold** word\n\n1. one\n2. two\n\n```\ncode\n```\nend';
    for (let end = 0; end <= text.length; end += 1) expect(() => blocksOf(text.slice(0, end))).not.toThrow();
  });
});
