import { describe, expect, it } from 'vitest';

import { href, readAddress } from '../src/address';

describe('the address', () => {
  it('is read as it is written', () => {
    const address = { chat: 'demo-1', user: 'bob' };
    expect(readAddress(href(address))).toEqual({ ...address, complete: true });
  });

  it.each(['?chat=Demo&user=bob', '?chat=a:b&user=bob', '?user=bob', '?chat=demo&user=1', ''])(
    'is completed where it names nothing allowed: %s',
    (search) => {
      const { complete, ...address } = readAddress(search);
      expect(complete).toBe(false);
      expect(readAddress(href(address)).complete).toBe(true);
    },
  );
});
