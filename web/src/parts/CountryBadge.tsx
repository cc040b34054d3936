import * as names from '../format/names';
import css from './CountryBadge.module.css';

/**
 * A country as its two letters. Emoji of flags are not drawn everywhere (Windows, many Linux systems), and then are two letters of another size each. It is for the
 * eye only, beside the name; `alone` says that no name stands beside it, and gives it one.
 */
export function CountryBadge({ code, alone = false }: { code: string | null | undefined; alone?: boolean }) {
  const known = /^[A-Z]{2}$/.test(code ?? '');
  const name = code === null ? 'hidden' : names.country(code ?? '');
  const letters = known ? code : alone ? '–' : '\u00a0'; // an empty box would stand on its lower edge, and move its line
  if (!alone) return <span className={css.badge} data-none={!known || undefined} aria-hidden>{letters}</span>;
  return (
    <span className={css.badge} data-none={!known || undefined} role="img" aria-label={name} title={name}>
      {letters}
    </span>
  );
}
