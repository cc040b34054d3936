import { Link } from 'wouter';
import { may, useMe } from '../../api/session';
import { useSite } from '../../api/site';
import { Notice } from '../../parts/Answer';

/** What to do on a site that no event has come from yet. */
export function FirstEvent() {
  const { source } = useSite();
  const me = useMe().data;
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
