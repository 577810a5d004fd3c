/** The tools that run in this page: the agent calls them, the user's browser knows. */

type BrowserTool = () => unknown;

const TOOLS: Record<string, BrowserTool> = {
  browser_clock: () => ({
    time: new Date().toISOString(),
    timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    language: navigator.language,
  }),
};

export const isBrowserTool = (name: string): boolean => Object.hasOwn(TOOLS, name);

/** Run a tool; throws what it throws. */
export const runBrowserTool = (name: string): unknown => TOOLS[name]?.();
