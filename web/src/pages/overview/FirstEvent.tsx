import { Link } from 'wouter';
import { may, useMe } from '../../api/session';
import { useLastEvent } from '../../api/settings';
import { useSite } from '../../api/site';
import { Notice } from '../../parts/Answer';

/** What to do on a site that no event has come from yet; nothing where there is one. */
export function FirstEvent() {
  const { id, source } = useSite();
  const { data } = useLastEvent(id);
  const me = useMe().data;
  if (!data || data.last) return null;
  return (
    <Notice title="No event has come from this site yet">
      {may(me, 'admin') ? (
        <>
          <Link href={`/settings?source=${encodeURIComponent(source)}`}>Put its snippet into the pages</Link>: the settings say when the first event arrives, and this page shows it.
        </>
      ) : (
        'An admin of the workspace finds its snippet in the settings.'
      )}
    </Notice>
  );
}
