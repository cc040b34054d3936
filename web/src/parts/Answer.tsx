import { Button, Skeleton } from '@mantine/core';
import type { UseQueryResult } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { asProblem } from '../api/problem';
import { useZone } from '../api/site';
import { clockSeconds } from '../format/time';
import { Hint } from './Hint';
import { saysUnseen, unseenIn } from './unseen';
import css from './Answer.module.css';

/** What of a question's state is shown; that of a list that is read page by page fits, too. */
export type Asked<T> = Pick<UseQueryResult<T>, 'error' | 'errorUpdatedAt' | 'isFetching' | 'isPlaceholderData' | 'dataUpdatedAt'> & { data: T | undefined; refetch: () => unknown };

/**
 * Shows the answer to a question in each of its states, in one place: a skeleton of `height` until the first answer; a problem with what to do, until there is an answer; an
 * answer that is older than its question, dimmed; an answer that could not be renewed, with a note; one to a question that names a property that was never
 * seen, with a line that says so; an empty answer; else `children` of the data. `zone` is that of its times, where it is not that of the page.
 */
export function Answer<T>({ query, height, empty, zone, children }: { query: Asked<T>; height: number | string; empty?: (data: T) => ReactNode | false; zone?: string; children: (data: T) => ReactNode }) {
  const { data, error, isFetching, isPlaceholderData } = query;
  const problem = useLastProblem(query);
  if (data === undefined) {
    if (problem) return <ProblemNotice error={problem} retry={() => void query.refetch()} busy={isFetching} />;
    return (
      <div role="status" aria-label="Loading" style={{ height }}>
        <Skeleton height="100%" radius={6} />
      </div>
    );
  }
  const nothing = empty?.(data);
  const unseen = saysUnseen(unseenIn(data));
  return (
    <div className={css.answer} aria-busy={isPlaceholderData} data-old={isPlaceholderData || undefined}>
      {error && <StaleNote error={error} at={query.dataUpdatedAt} zone={zone} retry={() => void query.refetch()} />}
      {unseen && <Hint text={unseen} label="Properties that no event has had" />}
      {nothing ? (
        <div className={css.empty} style={{ minHeight: height }}>
          {nothing}
        </div>
      ) : (
        children(data)
      )}
    </div>
  );
}

/** The problem of a question, also while it is asked again: until then it has none and no answer either, as if it had never been asked. */
function useLastProblem({ error, errorUpdatedAt }: Pick<Asked<unknown>, 'error' | 'errorUpdatedAt'>): unknown {
  const [last, remember] = useState<{ error: unknown; at: number }>();
  if (error && (last?.at !== errorUpdatedAt || last.error !== error)) remember({ error, at: errorUpdatedAt });
  return error ?? (last?.at === errorUpdatedAt ? last.error : undefined); // of another question it is another time, or none
}

/** What went wrong and what to do about it. */
export function ProblemNotice({ error, retry, busy }: { error: unknown; retry?: () => void; busy?: boolean }) {
  const p = asProblem(error);
  return (
    <Notice tone="bad" title={p.title} action={retry && (p.passing || p.status < 400 || p.status >= 500) ? <Button variant="default" loading={busy} onClick={retry}>Try again</Button> : undefined}>
      {p.where && `${p.where}: `}
      {p.sentences}
    </Notice>
  );
}

function StaleNote({ error, at, zone, retry }: { error: unknown; at: number; zone: string | undefined; retry: () => void }) {
  const ofPage = useZone();
  const its = zone ?? ofPage;
  const p = asProblem(error);
  return (
    <div className={css.stale} role="status">
      <span>
        As of {clockSeconds(new Date(at), its ?? 'UTC')}
        {its === undefined && ' UTC'}: {p.said}
      </span>
      <button type="button" className="as-link" onClick={retry}>
        Try again
      </button>
    </div>
  );
}

/** A message in the place of content. */
export function Notice({ title, tone = 'plain', action, children }: { title: string; tone?: 'plain' | 'bad'; action?: ReactNode; children?: ReactNode }) {
  return (
    <div className={css.notice} data-tone={tone} role={tone === 'bad' ? 'alert' : undefined}>
      <strong>{title}</strong>
      {children && <p>{children}</p>}
      {action}
    </div>
  );
}
