import { IconAlertTriangle } from '@tabler/icons-react';
import { useLocation } from 'wouter';
import { plural } from '../format/numbers';
import { useFaults, type Fault } from '../state/faults';
import { faultsOf, useQueryText, without, type Part } from '../state/url';
import css from './AddressNotice.module.css';

/** What of the address was not understood, and what is shown in place of it; a button takes it out of the address. `reads` says which parts of the view the page shows. */
export function AddressNotice({ reads }: { reads: readonly Part[] }) {
  const search = useQueryText();
  const [, go] = useLocation();
  const seen = new Set<string>();
  const faults = [...faultsOf(search, reads), ...useFaults()].filter((f) => !seen.has(`${f.name}=${f.text}`) && seen.add(`${f.name}=${f.text}`));
  if (faults.length === 0) return null;
  return (
    <div className={css.notice} role="status">
      <IconAlertTriangle size={17} stroke={1.6} aria-hidden />
      <div>
        <strong>{plural(faults.length, 'A part', 'Parts')} of the address {plural(faults.length, 'was', 'were')} not understood.</strong>
        <ul>
          {faults.map((f) => (
            <li key={`${f.name}=${f.text}`}>
              <code className="mono">{written(f)}</code> Shown instead: {f.instead}.
            </li>
          ))}
        </ul>
      </div>
      <button type="button" className="as-link" onClick={() => go(location.pathname + without(location.search, faults), { replace: true })}>
        Take {plural(faults.length, 'it', 'them')} out
      </button>
    </div>
  );
}

const written = ({ name, text }: Fault) => `${name}=${text.length > 60 ? `${text.slice(0, 60)}…` : text}`;
