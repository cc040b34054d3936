import type { Completion, CompletionContext, CompletionResult } from '@codemirror/autocomplete';
import type { Relation } from '../../api/sql';
import { plainType } from './columns';

/** A name as it stands in a statement. */
export const quoted = (name: string): string => (/^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$/.test(name) ? name : `"${name.replace(/[\\"]/g, '\\$&')}"`);

/** The relations that a statement reads, by the names it gives them. */
export function readBy(sql: string, relations: Relation[]): Map<string, Relation> {
  const known = new Map(relations.map((r) => [r.name.toLowerCase(), r]));
  const found = new Map<string, Relation>();
  for (const m of sql.matchAll(/\b(?:from|join)\s+(?:\w+\.)?([A-Za-z_]\w*)(?:\s+(?:as\s+)?([A-Za-z_]\w*))?/gi)) {
    const r = known.get(m[1]!.toLowerCase());
    if (!r) continue;
    found.set(r.name, r);
    if (m[2] && !/^(where|prewhere|group|order|limit|join|left|inner|right|full|any|all|asof|array|cross|on|using|union|having|sample|final|window|settings|format)$/i.test(m[2])) found.set(m[2], r);
  }
  return found;
}

const columnsOf = (r: Relation, boost: number): Completion[] => r.columns.map((c) => ({ label: c.name, apply: quoted(c.name), detail: plainType(c.type), type: 'property', boost }));

/** Completes names of relations, their columns, and functions. What the statement reads comes first; without a FROM that are the events. */
export function completer(schema: () => { relations: Relation[]; functions: string[] } | undefined) {
  return (context: CompletionContext): CompletionResult | null => {
    const s = schema();
    const word = context.matchBefore(/[A-Za-z_][\w]*(\.[\w]*)*|/);
    if (!s || !word || (word.from === word.to && !context.explicit)) return null;
    const sql = context.state.doc.toString();
    const read = readBy(sql, s.relations);
    const dot = word.text.lastIndexOf('.');
    if (dot > 0) {
      const r = read.get(word.text.slice(0, dot)) ?? s.relations.find((r) => r.name === word.text.slice(0, dot));
      if (r) return { from: word.from + dot + 1, options: columnsOf(r, 2), validFor: /^[\w.]*$/ };
    }
    const before = context.state.sliceDoc(Math.max(0, word.from - 40), word.from);
    const relations: Completion[] = s.relations.map((r) => ({ label: r.name, detail: `${r.columns.length} columns`, type: 'type', boost: 1 }));
    if (/\b(from|join)\s+$/i.test(before)) return { from: word.from, options: relations, validFor: /^\w*$/ };
    const mine = [...new Set(read.values())];
    const columns = (mine.length > 0 ? mine : s.relations.filter((r) => r.name === 'events')).flatMap((r) => columnsOf(r, 2));
    const functions: Completion[] = s.functions.map((f) => ({ label: f, apply: `${f}(`, type: 'function', boost: -1 }));
    return { from: word.from, options: [...new Map(columns.map((c) => [c.label, c])).values(), ...relations, ...functions], validFor: /^[\w.]*$/ };
  };
}
