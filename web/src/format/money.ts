const code = (currency: string) => (/^[A-Z]{3}$/.test(currency) ? currency : 'USD');

/** What is not nothing never looks like it: an amount below the last digit is said to be below. */
function written(format: Intl.NumberFormat, n: number): string {
  const least = 10 ** -(format.resolvedOptions().maximumFractionDigits ?? 0);
  if (n === 0 || Math.abs(n) >= least / 2) return format.format(n);
  return n > 0 ? `< ${format.format(least)}` : `> ${format.format(-least)}`;
}

/** An amount of money in its currency's own digits; from ten thousand on shortened unless it is `long`. Without a currency it is a number. */
export function amount(n: number | null | undefined, currency: string, long = false): string {
  if (n === null || n === undefined || !Number.isFinite(n)) return '–';
  const short = !long && Math.abs(n) >= 10_000;
  const style = /^[A-Z]{3}$/.test(currency) ? ({ style: 'currency', currency, currencyDisplay: 'narrowSymbol' } as const) : ({ maximumFractionDigits: 2 } as const);
  return written(new Intl.NumberFormat('en-US', { ...style, ...(short && { notation: 'compact', maximumFractionDigits: 1, minimumFractionDigits: 0 }) }), n);
}

/** An amount beside an axis, whose steps are round: whole ones without digits behind the point, others with all that they have. */
export function inSteps(n: number, currency: string): string {
  if (Math.abs(n) >= 10_000) return amount(n, currency);
  const v = Number(n.toPrecision(12));
  const style = /^[A-Z]{3}$/.test(currency) ? ({ style: 'currency', currency, currencyDisplay: 'narrowSymbol' } as const) : {};
  return new Intl.NumberFormat('en-US', { ...style, ...(Number.isInteger(v) && { minimumFractionDigits: 0 }), maximumFractionDigits: 20 }).format(v);
}

/** An amount of money that may be a millionth: two digits that say something. */
export function price(amount: number, currency: string): string {
  const n = new Intl.NumberFormat('en-US', { style: 'currency', currency: code(currency), currencyDisplay: 'narrowSymbol', maximumSignificantDigits: 2 });
  if (amount > 0 && amount < 1e-6) return `< ${n.format(1e-6)}`;
  return n.format(amount);
}

/** An amount of money with all its digits, for who points at it. */
export const precise = (amount: number, currency: string): string => new Intl.NumberFormat('en-US', { style: 'currency', currency: code(currency), maximumFractionDigits: 12 }).format(amount);

/** Writes amounts of one table or chart with the same number of digits, so that they align: as many as its largest one needs to have three that say something. */
export function money(currency: string, largest: number): (amount: number) => string {
  const digits = largest >= 10 ? 2 : largest > 0 ? Math.min(8, Math.max(2, 2 - Math.floor(Math.log10(largest)))) : 2;
  const n = new Intl.NumberFormat('en-US', { style: 'currency', currency: code(currency), currencyDisplay: 'narrowSymbol', minimumFractionDigits: digits, maximumFractionDigits: digits });
  return (amount) => written(n, amount);
}
