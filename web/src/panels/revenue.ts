// Revenue of panels: amounts of several currencies are not added up.
import { currenciesOf, othersOf, written, type Money } from '../format/currencies';
import { casesOf, currencyFilter } from '../state/currency';
import { writeFilter, type Filter } from '../state/filters';
import { filtersIn, groupsOf, metricsOf, type Panel } from './panel';

type Question = Panel['question'];
type Asked = Pick<Panel, 'kind' | 'question'>;

/** The metrics that a panel shows: a table all that it asks for, others the first. */
const shown = ({ kind, question }: Asked) => (kind === 'table' ? metricsOf(question) : metricsOf(question).slice(0, 1));

/** Whether what a panel shows can be of several currencies: there is revenue, and neither a filter nor its groups tell them apart. */
export const mixes = (panel: Asked): boolean =>
  ['tile', 'line', 'bar', 'table'].includes(panel.kind) && shown(panel).some((m) => m.id === 'revenue' && !m.currency) && !groupsOf(panel.question).includes('props.currency');

/** Whether a panel can be asked for one currency without its other numbers being others, too. */
const divisible = (panel: Asked) => shown(panel).every((m) => m.id === 'revenue');

/** What of a panel's question a question about its money has. */
export const aboutMoney = ({ from, to, filter, segment, bots }: Question): Question => ({ from, to, filter, segment, bots });

/** The filter that keeps the largest currency, also where it is the only one: then it is known by it. */
function largest(money: Money[]): Filter | undefined {
  const all = currenciesOf(money);
  return all[0] ? { dim: 'props.currency', not: false, contains: false, values: casesOf(all[0]) } : currencyFilter('', all);
}

/** A panel as it is asked where there is this money: of its largest currency, if it shows nothing else. Without money it is as it was. */
export function inOneCurrency<P extends Asked>(panel: P, money: Money[] | undefined): P {
  const only = money && mixes(panel) && divisible(panel) ? largest(money) : undefined;
  return only ? { ...panel, question: { ...panel.question, filter: [...filtersIn(panel.question), writeFilter(only)] } } : panel;
}

/** Whether revenue has no number in a panel: it is of several currencies, and what is beside it is of all events. */
export const untold = (panel: Asked, money: Money[] | undefined): boolean => mixes(panel) && !divisible(panel) && currenciesOf(money).length > 1;

/** What there is to say about the currencies of a panel; undefined: nothing, there is one at most. `money` is undefined where it is not known which there are. */
export function saysCurrencies(panel: Asked, money: Money[] | undefined): string | undefined {
  if (!mixes(panel)) return undefined;
  const all = currenciesOf(money);
  if (!money || (all.length === 0 && panel.question.compare)) return 'Revenue is added up whatever its currency';
  if (all.length < 2) return undefined;
  const list = (m: Money[]) => m.map((x) => written(x, true)).join(', ');
  if (untold(panel, money)) return `Revenue is in several currencies and not added up: ${list(othersOf(money, 'none'))}`;
  return `${all[0] || 'Without a currency'} only. Besides: ${list(othersOf(money, all[0]!))}`;
}
