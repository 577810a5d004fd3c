/** What the page asks of the chat's own API. All the rest of the chat goes through Ably. */

export interface Config {
  /** Where Ably is; null for Ably's own service. */
  endpoint: string | null;
  port: number | null;
  tls: boolean;
  /** Temporal's own user interface; null if there is none. */
  temporalUi: string | null;
  namespace: string;
  /** The agent has tools: the empty chat suggests to use them. */
  tools?: boolean;
  /** Which ways to break things this backend offers. */
  switches: { failNextCall?: boolean; killWorker?: boolean; cutNetwork?: boolean };
}

/** What is broken on purpose right now. */
export interface Switches {
  failNextCall: boolean;
  workerRunning: boolean;
  workerKills: number;
  cutNetwork: Record<string, boolean>;
}

export interface SwitchOrder {
  failNextCall?: boolean;
  killWorker?: true;
  cutNetwork?: { user: string; seconds: number };
}

const asJson = async <T>(response: Response): Promise<T> => {
  if (!response.ok) throw new Error(`the chat's API answered ${String(response.status)}`);
  return (await response.json()) as T;
};

export const readConfig = async (user: string): Promise<Config> =>
  asJson(await fetch(`/api/config?${new URLSearchParams({ user }).toString()}`));

export const readSwitches = async (): Promise<Switches> => asJson(await fetch('/api/switches'));

export const orderSwitches = async (order: SwitchOrder): Promise<Switches> =>
  asJson(
    await fetch('/api/switches', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(order),
    }),
  );

/** The page of a workflow in Temporal's own user interface. */
export const workflowLink = ({ temporalUi, namespace }: Config, workflowId: string): string | null =>
  temporalUi === null || workflowId === ''
    ? null
    : `${temporalUi}/namespaces/${encodeURIComponent(namespace)}/workflows/${encodeURIComponent(workflowId)}`;
