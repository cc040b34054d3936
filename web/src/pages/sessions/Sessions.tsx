import { useRoute } from 'wouter';
import { SessionPage } from './SessionPage';
import { SessionsList } from './SessionsList';
import { VisitorPage } from './VisitorPage';
import { visitorOf } from './visitor';

/** The last part of the address. Wouter decodes an address once, but not what is reserved in it, so it is read from where it stands. */
function lastPart(): string {
  const raw = location.pathname.split('/').at(-1) ?? '';
  try {
    return decodeURIComponent(raw);
  } catch {
    return raw;
  }
}

/** Sessions of a site; one of them with its events; a visitor with all of hers. */
export default function Sessions() {
  const [ofVisitor] = useRoute('/sites/:site/sessions/visitors/:visitor');
  const [ofSession] = useRoute('/sites/:site/sessions/:id');
  if (ofVisitor) return <VisitorPage key={lastPart()} visitor={visitorOf(lastPart())} />;
  if (ofSession) return <SessionPage key={lastPart()} id={lastPart()} />;
  return <SessionsList />;
}
