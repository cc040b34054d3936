import { Button } from '@mantine/core';
import { useSessions } from '../../api/sessions';
import { useScope } from '../../api/report';
import { useView } from '../../state/url';
import { Answer } from '../../parts/Answer';
import { Card } from '../../parts/Card';
import { Freshness } from '../../parts/Freshness';
import css from './Sessions.module.css';
import { SessionTable } from './SessionTable';

/** The sessions of the view, the latest first. */
export function SessionsList() {
  const sessions = useSessions();
  const [view] = useView();
  const scope = useScope();
  const list = sessions.data?.pages.flatMap((p) => p.sessions ?? []);
  const first = sessions.data?.pages[0];
  return (
    <div className={css.page}>
      <Card className={css.flush}>
        <Answer
          query={{ ...sessions, isPlaceholderData: false, data: list }}
          height={520}
          empty={(l) => l.length === 0 && `No session began in this time${view.filters.length > 0 || view.segment ? ' that these filters let through' : ''}.`}
        >
          {(l) => (
            <>
              <SessionTable sessions={l} who />
              {sessions.hasNextPage && (
                <div className={css.more}>
                  <Button variant="default" loading={sessions.isFetchingNextPage} onClick={() => void sessions.fetchNextPage()}>
                    More sessions
                  </Button>
                </div>
              )}
            </>
          )}
        </Answer>
      </Card>
      {first && <Freshness answer={first} open={scope.to === undefined} />}
    </div>
  );
}
