import type { ReactNode } from 'react';
import css from './Sessions.module.css';

/** Names and what they are, beside each other. */
export const Facts = ({ facts }: { facts: [string, ReactNode][] }) => (
  <dl className={css.facts}>
    {facts.map(([name, value]) => (
      <div key={name}>
        <dt>{name}</dt>
        <dd title={typeof value === 'string' ? value : undefined}>{value}</dd>
      </div>
    ))}
  </dl>
);

/** What a property holds, as text. */
export const shown = (v: unknown): string => (typeof v === 'string' ? v : JSON.stringify(v));

/** Properties with their values. */
export const Properties = ({ of }: { of: [string, unknown][] }) => (
  <dl className={css.props}>
    {of.map(([name, value]) => (
      <div key={name}>
        <dt>{name}</dt>
        <dd>{shown(value)}</dd>
      </div>
    ))}
  </dl>
);
