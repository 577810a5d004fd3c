/** The post that wakes the agent, sent again when it fails: the prompt is on the channel already. */

const PAUSES_MS = [400, 1600];

const pause = async (milliseconds: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });

/** Whether another try may help: the API or what is before it was away, not: it refused. */
const isPassing = (response: Response): boolean => response.status >= 500 || response.status === 429;

type Fetch = typeof globalThis.fetch;

/** A `fetch` for the chat transport. It keeps the last post that failed, to be tried again by hand. */
export class Waker {
  #failed: { input: Parameters<Fetch>[0]; init: Parameters<Fetch>[1] } | undefined;

  /** How often a post was begun: one for each prompt that got through to the channel. */
  posts = 0;

  readonly fetch: Fetch = async (input, init) => {
    this.posts += 1;
    this.#failed = undefined;
    const fail = (): void => {
      this.#failed = { input, init };
    };
    for (const milliseconds of PAUSES_MS) {
      try {
        const response = await fetch(input, init);
        if (response.ok) return response;
        if (!isPassing(response)) {
          fail();
          return response;
        }
      } catch {
        // Nobody answered; the next try may find somebody.
      }
      await pause(milliseconds);
    }
    try {
      const response = await fetch(input, init);
      if (!response.ok) fail();
      return response;
    } catch (error) {
      fail();
      throw error;
    }
  };

  get hasFailed(): boolean {
    return this.#failed !== undefined;
  }

  /** Send the failed post once more; tells whether it went through. */
  async tryAgain(): Promise<boolean> {
    if (!this.#failed) return true;
    const { input, init } = this.#failed;
    try {
      return (await this.fetch(input, init)).ok;
    } catch {
      return false;
    }
  }
}
