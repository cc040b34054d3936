import { FilterChips } from '../parts/FilterChips';
import { useView } from '../state/url';

/** The filters of the view. */
export function Filters() {
  const [view, change] = useView();
  return <FilterChips filters={view.filters} onChange={(filters) => change({ filters })} />;
}
