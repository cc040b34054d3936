import { acceptCompletion, autocompletion, closeBrackets, closeBracketsKeymap, closeCompletion, completionKeymap, type CompletionSource } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { keywordCompletionSource, SQLDialect } from '@codemirror/lang-sql';
import { bracketMatching, HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { EditorState, Prec, StateEffect, StateField } from '@codemirror/state';
import { Decoration, drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers, placeholder, type DecorationSet } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { useEffect, useImperativeHandle, useRef, type Ref } from 'react';
import type { Relation } from '../../api/sql';
import { completer } from './complete';

const dialect = SQLDialect.define({
  keywords:
    'select distinct from where prewhere group by order having limit offset as and or not in is null like ilike between case when then else end with union all except intersect join left right full inner cross any asof on using asc desc nulls first last interval over partition window rows range preceding following current row unbounded true false array format explain show describe exists tables columns fill step totals rollup cube global qualify sample cast',
  types: 'uint8 uint16 uint32 uint64 int8 int16 int32 int64 float32 float64 string fixedstring date datetime datetime64 bool uuid decimal nullable map tuple lowcardinality',
  builtin: '',
  backslashEscapes: true,
  identifierQuotes: '"`',
  caseInsensitiveIdentifiers: true,
});

const colours = HighlightStyle.define([
  { tag: tags.keyword, color: 'var(--water)', fontWeight: '500' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--good)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--buoy)' },
  { tag: [tags.comment, tags.lineComment, tags.blockComment], color: 'var(--ink-3)', fontStyle: 'italic' },
  { tag: [tags.typeName, tags.standard(tags.name)], color: 'var(--series-3)' },
  { tag: [tags.operator, tags.punctuation], color: 'var(--ink-2)' },
]);

const look = EditorView.theme({
  '&': { fontSize: '13px', color: 'var(--ink)', backgroundColor: 'var(--panel)', height: '100%' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: "'IBM Plex Mono', ui-monospace, monospace", lineHeight: '1.6' },
  '.cm-content': { padding: '10px 0', caretColor: 'var(--ink)' },
  '.cm-gutters': { backgroundColor: 'var(--panel)', color: 'var(--ink-3)', border: '0', paddingLeft: '4px' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'color-mix(in srgb, var(--sunken) 60%, transparent)' },
  '.cm-cursor': { borderLeftColor: 'var(--ink)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': { background: 'var(--water-wash)' },
  '&.cm-focused .cm-matchingBracket': { backgroundColor: 'var(--water-wash)', outline: 'none' },
  '.cm-placeholder': { color: 'var(--ink-3)' },
  '.cm-fault': { textDecoration: 'underline wavy var(--bad) 1.5px', textUnderlineOffset: '3px' },
  '.cm-tooltip': { backgroundColor: 'var(--panel)', color: 'var(--ink)', border: '1px solid var(--line-strong)', borderRadius: '8px', boxShadow: 'var(--shade)', overflow: 'hidden' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': { fontFamily: "'IBM Plex Mono', ui-monospace, monospace", fontSize: '12.5px', maxHeight: '15em' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '3px 10px', lineHeight: '1.5' },
  '.cm-tooltip-autocomplete ul li[aria-selected]': { backgroundColor: 'var(--water-wash)', color: 'var(--ink)' },
  '.cm-completionDetail': { color: 'var(--ink-3)', fontStyle: 'normal', marginLeft: '12px' },
  '.cm-completionMatchedText': { textDecoration: 'none', fontWeight: '600', color: 'var(--water)' },
});

type Place = { line: number; column: number };

const markFault = StateEffect.define<Place | undefined>();
const underline = Decoration.mark({ class: 'cm-fault' });

/** The word at the place that is at fault, until the text changes. */
const fault = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(set, tr) {
    if (tr.docChanged) set = Decoration.none;
    for (const e of tr.effects) {
      if (!e.is(markFault)) continue;
      const from = e.value && offset(tr.state, e.value);
      if (from === undefined) return Decoration.none;
      const text = tr.state.sliceDoc(from, tr.state.doc.lineAt(from).to);
      const n = Math.max(1, /^[\w.]+|^\W/.exec(text)?.[0].length ?? 0);
      set = from + n <= tr.state.doc.length ? Decoration.set([underline.range(from, from + n)]) : Decoration.none;
    }
    return set;
  },
  provide: (f) => EditorView.decorations.from(f),
});

/** Columns are counted in characters, not in UTF-16 units. */
function offset(state: EditorState, { line, column }: Place): number | undefined {
  if (line < 1 || line > state.doc.lines) return undefined;
  const l = state.doc.line(line);
  return Math.min(l.to, l.from + [...l.text].slice(0, column - 1).join('').length);
}

/** A source that offers nothing to who has left the editor meanwhile: a dialog may lie over it. */
const whileWriting =
  (source: CompletionSource): CompletionSource =>
  (context) =>
    context.view && !context.view.hasFocus ? null : source(context);

export type EditorHandle = { insert: (text: string) => void; go: (p: Place) => void; focus: () => void };
type Keys = { onChange: (text: string) => void; onRun: () => void; onSave: () => void };

/** An editor of SQL. Ctrl/Cmd+Enter runs, Ctrl/Cmd+S saves; Tab leaves it, unless a completion is offered. */
export default function Editor({ value, schema, fault: place, ref, ...keys }: { value: string; schema: { relations: Relation[]; functions: string[] } | undefined; fault: Place | undefined; ref: Ref<EditorHandle> } & Keys) {
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(undefined);
  const now = useRef({ schema, keys });
  useEffect(() => {
    now.current = { schema, keys };
  });
  const first = useRef(value);
  useEffect(() => {
    const did = (what: 'onRun' | 'onSave') => (v: EditorView) => {
      closeCompletion(v);
      now.current.keys[what]();
      return true;
    };
    const v = new EditorView({
      parent: box.current!,
      state: EditorState.create({
        doc: first.current,
        extensions: [
          Prec.highest(keymap.of([{ key: 'Mod-Enter', run: did('onRun') }, { key: 'Mod-s', run: did('onSave'), preventDefault: true }, { key: 'Tab', run: acceptCompletion }])),
          lineNumbers(),
          history(),
          drawSelection(),
          bracketMatching(),
          closeBrackets(),
          highlightActiveLine(),
          EditorView.lineWrapping,
          dialect.extension,
          autocompletion({ override: [completer(() => now.current.schema), keywordCompletionSource(dialect, true)].map(whileWriting), icons: false }),
          EditorView.domEventHandlers({ blur: (_, v) => void closeCompletion(v) }),
          keymap.of([...closeBracketsKeymap, ...completionKeymap, ...historyKeymap, ...defaultKeymap]),
          syntaxHighlighting(colours),
          look,
          fault,
          placeholder('SELECT path, count() AS views FROM events GROUP BY path ORDER BY views DESC LIMIT 20'),
          EditorView.contentAttributes.of({ 'aria-label': 'Statement of SQL', spellcheck: 'false', autocapitalize: 'off' }),
          EditorView.updateListener.of((u) => u.docChanged && now.current.keys.onChange(u.state.doc.toString())),
        ],
      }),
    });
    view.current = v;
    return () => v.destroy();
  }, []);
  useEffect(() => {
    const v = view.current;
    if (v && v.state.doc.toString() !== value) v.dispatch({ changes: { from: 0, to: v.state.doc.length, insert: value } });
  }, [value]);
  useEffect(() => {
    view.current?.dispatch({ effects: markFault.of(place) });
  }, [place]);
  useImperativeHandle(ref, () => ({
    insert: (text) => {
      const v = view.current;
      if (!v) return;
      v.dispatch(v.state.replaceSelection(text));
      v.focus();
    },
    go: (p) => {
      const v = view.current;
      const at = v && offset(v.state, p);
      if (at === undefined) return;
      v!.dispatch({ selection: { anchor: at }, scrollIntoView: true });
      v!.focus();
    },
    focus: () => view.current?.focus(),
  }));
  return <div ref={box} style={{ height: '100%' }} />;
}
