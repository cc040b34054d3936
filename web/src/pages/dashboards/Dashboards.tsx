import { useParams } from 'wouter';
import { Board } from './Board';
import { List } from './List';

/** The saved dashboards, or one of them. */
export default function Dashboards() {
  const { dashboard } = useParams<{ dashboard?: string }>();
  return dashboard ? <Board key={dashboard} id={dashboard} /> : <List />;
}
