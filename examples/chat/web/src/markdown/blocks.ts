/** The blocks of a Markdown text: the part of Markdown that models write. */

export type Block =
  | { kind: 'paragraph'; lines: string[] }
  | { kind: 'heading'; level: number; text: string }
  | { kind: 'code'; language: string; lines: string[] }
  | { kind: 'quote'; lines: string[] }
  | { kind: 'list'; ordered: boolean; start: number; items: string[] }
  | { kind: 'rule' };

const FENCE = /^\s*```\s*([\w+-]*)/;
const HEADING = /^(#{1,6})\s+(.+)/;
const QUOTE = /^>\s?(.*)/;
const BULLET = /^\s{0,3}[-*+]\s+(.*)/;
const NUMBER = /^\s{0,3}(\d{1,4})[.)]\s+(.*)/;
const RULE = /^\s*([-*_])(\s*\1){2,}\s*$/;

/** Where text goes that belongs to what came before it. */
const lastOf = (blocks: readonly Block[]): Block | undefined => blocks.at(-1);

const addItem = (blocks: Block[], ordered: boolean, start: number, item: string): void => {
  const last = lastOf(blocks);
  if (last?.kind === 'list' && last.ordered === ordered) last.items.push(item);
  else blocks.push({ kind: 'list', ordered, start, items: [item] });
};

const addText = (blocks: Block[], line: string, afterBlank: boolean): void => {
  const last = lastOf(blocks);
  if (!afterBlank && last?.kind === 'paragraph') last.lines.push(line);
  else if (!afterBlank && last?.kind === 'list') last.items.push(`${last.items.pop() ?? ''}\n${line.trim()}`);
  else blocks.push({ kind: 'paragraph', lines: [line] });
};

const addLine = (blocks: Block[], line: string, afterBlank: boolean): void => {
  const heading = HEADING.exec(line);
  const quote = QUOTE.exec(line);
  const bullet = BULLET.exec(line);
  const number = NUMBER.exec(line);
  const last = lastOf(blocks);
  if (heading) blocks.push({ kind: 'heading', level: heading[1]?.length ?? 1, text: heading[2] ?? '' });
  else if (RULE.test(line)) blocks.push({ kind: 'rule' });
  else if (bullet) addItem(blocks, false, 1, bullet[1] ?? '');
  else if (number) addItem(blocks, true, Number(number[1]), number[2] ?? '');
  else if (quote && !afterBlank && last?.kind === 'quote') last.lines.push(quote[1] ?? '');
  else if (quote) blocks.push({ kind: 'quote', lines: [quote[1] ?? ''] });
  else addText(blocks, line, afterBlank);
};

/** Take a text apart. A code block that is not closed yet, as in the midst of a stream, goes on to the end. */
export const blocksOf = (text: string): Block[] => {
  const blocks: Block[] = [];
  let code: Extract<Block, { kind: 'code' }> | undefined;
  let blank = true;
  for (const line of text.split('\n')) {
    const fence = FENCE.exec(line);
    if (code) {
      if (fence) code = undefined;
      else code.lines.push(line);
    } else if (fence) {
      code = { kind: 'code', language: fence[1] ?? '', lines: [] };
      blocks.push(code);
    } else if (line.trim() !== '') {
      addLine(blocks, line, blank);
    }
    blank = line.trim() === '';
  }
  return blocks;
};
