import { FilterChips } from '../parts/FilterChips';
import { useView } from '../state/url';
import { Segments } from './Segments';

/** The filters of the view: those of a segment, and its own. */
export function Filters() {
  const [view, change] = useView();
  return (
    <>
      <Segments />
      <FilterChips filters={view.filters} onChange={(filters) => change({ filters })} />
    </>
  );
}
