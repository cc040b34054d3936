import { metric } from '../format/metrics';
import { percent } from '../format/numbers';

/** That numbers of an answer are estimated, and how closely; undefined where all are exact. */
export function saysEstimated(answer: Record<string, unknown> | undefined): string | undefined {
  const errors = Object.entries((answer?.['approximate'] ?? {}) as Record<string, unknown>).filter((e): e is [string, number] => typeof e[1] === 'number');
  if (errors.length === 0) return undefined;
  return `Estimated: ${errors.map(([id, error]) => `${metric(id).name.toLowerCase()}, to within about ${percent(error)}`).join('; ')}`;
}
