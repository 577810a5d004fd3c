import { useCallback, useEffect, useState } from 'react';

import { orderSwitches, readSwitches, type SwitchOrder, type Switches } from '../api';

/** So often the page looks whether what was broken is whole again. */
const LOOK_MS = 1500;

const isBroken = (switches: Switches): boolean =>
  switches.failNextCall || !switches.workerRunning || Object.values(switches.cutNetwork).some(Boolean);

export interface SwitchBoard {
  switches: Switches | null;
  failed: boolean;
  order: (order: SwitchOrder) => void;
}

/** The switches that break things. `offered` is whether the backend has any. */
export const useSwitches = (offered: boolean): SwitchBoard => {
  const [switches, setSwitches] = useState<Switches | null>(null);
  const [failed, setFailed] = useState(false);

  const take = useCallback((asked: Promise<Switches>) => {
    asked.then(
      (told) => {
        setSwitches(told);
        setFailed(false);
      },
      () => {
        setFailed(true);
      },
    );
  }, []);

  useEffect(() => {
    if (offered) take(readSwitches());
  }, [offered, take]);

  const broken = switches !== null && isBroken(switches);
  useEffect(() => {
    if (!broken) return;
    const timer = setInterval(() => {
      take(readSwitches());
    }, LOOK_MS);
    return () => {
      clearInterval(timer);
    };
  }, [broken, take]);

  const order = useCallback(
    (wish: SwitchOrder) => {
      take(orderSwitches(wish));
    },
    [take],
  );
  return { switches, failed, order };
};
