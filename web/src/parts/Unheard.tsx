import { useSchemaNames } from '../api/settings';
import { useValues } from '../api/values';
import * as names from '../format/names';
import css from './Field.module.css';
import { meant, unheard } from './unheard';

/** That no event has had properties which columns name, and what was probably meant. It forbids nothing: the event may come later. `onMend` takes the other name, of a column. */
export function UnheardProperties({ dims, onMend }: { dims: string[]; onMend?: (from: string, to: string) => void }) {
  const asks = dims.some((d) => d.startsWith('props.'));
  const schema = useSchemaNames(asks);
  return unheard(dims, asks ? schema.data : undefined).map((n) => (
    <Unheard key={n} says={<>No event has had the property <b>{n}</b> yet.</>} meant={meant(n, schema.data?.properties ?? [])} onMend={onMend && ((to) => onMend(`props.${n}`, `props.${to}`))} />
  ));
}

const many = 200;

/** That no event of the view's time is of a type, and what was probably meant. */
export function UnheardEvent({ type, onMend }: { type: string; onMend?: (type: string) => void }) {
  const types = useValues('type', '', type !== '', many);
  const known = (types.data ?? []).map((v) => v.value);
  if (type === '' || !types.data || types.isPlaceholderData || known.length >= many || known.includes(type)) return null;
  return <Unheard says={<>In the time that the page shows there was no event <b>{names.event(type)}</b>.</>} meant={meant(type, known)} named={(other) => (names.event(other) === names.event(type) ? other : names.event(other))} onMend={onMend} />;
}

const Unheard = ({ says, meant: other, named = (v) => v, onMend }: { says: React.ReactNode; meant: string | undefined; named?: (v: string) => string; onMend?: (to: string) => void }) => (
  <p className={css.unheard} role="status">
    {says}
    {other !== undefined && (
      <>
        {' '}
        Did you mean{' '}
        {onMend ? (
          <button type="button" className="as-link" onClick={() => onMend(other)}>
            {named(other)}
          </button>
        ) : (
          named(other)
        )}
        ?
      </>
    )}
  </p>
);
