import { amount } from './money';

/** A sum in one currency, an empty one for amounts that have none; null: it is more than a number can be. */
export type Money = { amount: number | null; currency: string };

/** Said of an amount that is null. */
export const tooLarge = 'More than a number can be (1.8e308)';

/** The currencies in which there was money, the largest first: now, then those of the time before. */
export const currenciesOf = (...answers: (Money[] | null | undefined)[]): string[] => [...new Set(answers.flatMap((a) => a ?? []).filter((m) => m.amount !== 0).map((m) => m.currency))];

/** The amounts of the other currencies, the largest first as they came. */
export const othersOf = (money: Money[] | null | undefined, currency: string): Money[] => (money ?? []).filter((m) => m.currency !== currency && m.amount !== 0);

/** An amount with its currency; of those that have none, that they have none. */
export const written = (m: Money, long: boolean): string => (m.amount === null && long ? `${m.currency} ${tooLarge.toLowerCase()}`.trim() : `${amount(m.amount, m.currency, long)}${m.currency === '' ? ' without a currency' : ''}`);
