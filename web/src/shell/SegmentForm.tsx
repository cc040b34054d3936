import { useState } from 'react';
import { useSaveSegment, type Segment } from '../api/saved';
import { FiltersField, NameField, SavedForm } from '../parts/SavedForm';
import { parseFilter, writeFilter } from '../state/filters';

/** Saves filters under a name, or changes name and filters of a segment. What the server refuses is said at its field. */
export default function SegmentForm({ segment, filters: first, onSaved, onClose }: { segment?: Segment; filters: string[]; onSaved: (s: Segment) => void; onClose: () => void }) {
  const save = useSaveSegment();
  const [name, setName] = useState(segment?.name ?? '');
  const [filters, setFilters] = useState(() => first.flatMap((t) => parseFilter(t) ?? []));
  const [tried, setTried] = useState(false);
  const submit = () => {
    setTried(true);
    if (name.trim() === '' || filters.length === 0) return;
    save.mutate({ id: segment?.id, name: name.trim(), filter: filters.map(writeFilter) }, { onSuccess: (s) => { onSaved(s); onClose(); } });
  };
  return (
    <SavedForm title={segment ? `Change ${segment.name}` : 'New segment'} action={segment ? 'Save' : 'Save the segment'} save={save} fields={['name', 'filter']} onSubmit={submit} onClose={onClose}>
      <NameField description="Everybody who sees this site can choose it." value={name} onChange={setName} save={save} wrong={tried && name.trim() === '' && 'A segment needs a name.'} />
      <FiltersField label="Filters" says="All of them must hold." value={filters} onChange={setFilters} save={save} wrong={tried && filters.length === 0 && 'A segment has one filter at least.'} />
    </SavedForm>
  );
}
