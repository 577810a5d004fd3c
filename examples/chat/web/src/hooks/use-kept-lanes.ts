import { useRef } from 'react';

import type { Lane } from '../transcript';

/**
 * Keep the lanes that were there while more is to come.
 *
 * When a sub-agent begins a second attempt, its message is gone until the first word of it is here: its lane is empty then,
 * and does not leave its place.
 */
export const useKeptLanes = (lanes: readonly Lane[], working: boolean): readonly Lane[] => {
  const known = useRef(new Map<string, Lane>());
  if (!working) {
    known.current.clear();
    return lanes;
  }
  const here = new Set(lanes.map(({ id }) => id));
  for (const lane of lanes) known.current.set(lane.id, lane);
  const gone = [...known.current.values()].filter(({ id }) => !here.has(id)).map((lane) => ({ ...lane, entries: [] }));
  return [...lanes, ...gone].sort((one, other) => one.agent.localeCompare(other.agent));
};
