import type { Paths, PathNode } from '../../api/paths';
import { compact, exact, percent, plural } from '../../format/numbers';
import css from './Paths.module.css';
import { isPage, nameOf } from './nodes';

/** The ways as a table, step by step: what the picture shows, to be read and picked from. */
export function Links({ paths, previous, onPick }: { paths: Paths; previous: boolean; onPick: (path: string) => void }) {
  const byId = new Map((paths.nodes ?? []).map((n) => [n.id, n]));
  const rows = (paths.links ?? [])
    .flatMap((l) => {
      const near = byId.get(l.source);
      const far = byId.get(l.target);
      return near && far ? [{ near, far, people: l.people }] : [];
    })
    .sort((a, b) => a.near.step - b.near.step || b.people - a.people);
  return (
    <div className={css.scroll}>
      <table className={css.table}>
        <thead>
          <tr>
            <th scope="col" className="num">Step</th>
            <th scope="col">From</th>
            <th scope="col">To</th>
            <th scope="col" className="num">People</th>
            <th scope="col" className="num">{previous ? 'Of those there' : 'Of those who were there'}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ near, far, people }) => (
            <tr key={`${near.id} ${far.id}`}>
              <td className="num">{near.step + 1}</td>
              <td className={css.from}>
                <Node node={previous ? far : near} onPick={onPick} />
              </td>
              <td className={css.to}>
                <Node node={previous ? near : far} onPick={onPick} />
              </td>
              <td className="num" title={exact(people)} data-label={plural(people, 'person', 'people')}>
                <b>{compact(people)}</b>
              </td>
              <td className="num">{percent(near.people ? people / near.people : undefined)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Node({ node, onPick }: { node: PathNode; onPick: (path: string) => void }) {
  if (!isPage(node) || !node.path) return <span className={css.end}>{nameOf(node)}</span>;
  return (
    <button type="button" className={`${css.node} cut`} title={node.path} onClick={() => onPick(node.path)}>
      {nameOf(node)}
    </button>
  );
}
