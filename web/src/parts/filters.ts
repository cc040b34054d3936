import * as names from '../format/names';
import type { Filter } from '../state/filters';

/** What a filter says, without its column: "is Germany or Austria". `named` names values whose ids nobody reads. */
export function sentence(f: Filter, named: (v: string) => string = (v) => names.value(f.dim, v)): string {
  const values = [...new Set(f.values.map((v) => (f.contains ? `“${v}”` : named(v))))];
  const list = values.length > 3 ? `${values.slice(0, 2).join(', ')} and ${values.length - 2} more` : values.join(' or ');
  return `${f.contains ? (f.not ? 'lacks' : 'contains') : f.not ? 'is not' : 'is'} ${list}`;
}
