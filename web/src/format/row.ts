/** A row of a report: the names of its dims and metrics, and their values. */
export type Row = Record<string, unknown>;

export const number = (row: Row | undefined, name: string): number | undefined => {
  const v = row?.[name];
  return typeof v === 'number' ? v : typeof v === 'string' && v !== '' ? Number(v) : undefined;
};
/** The rows that say something of a group: those in which a metric that counts is not zero. */
export const listed = (rows: Row[], metrics: { id: string; kind: string }[]): Row[] => rows.filter((r) => metrics.some((m) => m.kind !== 'count' || number(r, m.id)));

export const text = (row: Row | undefined, name: string): string => {
  const v = row?.[name];
  return typeof v === 'string' ? v : v === undefined || v === null ? '' : String(v);
};
