const code = (currency: string) => (/^[A-Z]{3}$/.test(currency) ? currency : 'USD');

/** An amount of money in its currency's own digits; from ten thousand on shortened unless it is `long`. Without a currency it is a number. */
export function amount(n: number | null | undefined, currency: string, long = false): string {
  if (n === null || n === undefined || !Number.isFinite(n)) return '–';
  const short = !long && Math.abs(n) >= 10_000;
  const style = /^[A-Z]{3}$/.test(currency) ? ({ style: 'currency', currency, currencyDisplay: 'narrowSymbol' } as const) : ({ maximumFractionDigits: 2 } as const);
  return new Intl.NumberFormat('en-US', { ...style, ...(short && { notation: 'compact', maximumFractionDigits: 1, minimumFractionDigits: 0 }) }).format(n);
}

/** An amount of money that may be a millionth: two digits that say something. */
export function price(amount: number, currency: string): string {
  const n = new Intl.NumberFormat('en-US', { style: 'currency', currency: code(currency), currencyDisplay: 'narrowSymbol', maximumSignificantDigits: 2 });
  if (amount > 0 && amount < 1e-6) return `< ${n.format(1e-6)}`;
  return n.format(amount);
}

/** Writes amounts of one table or chart with the same number of digits, so that they align: as many as its largest one needs to have three that say something. */
export function money(currency: string, largest: number): (amount: number) => string {
  const digits = largest >= 10 ? 2 : largest > 0 ? Math.min(8, Math.max(2, 2 - Math.floor(Math.log10(largest)))) : 2;
  const n = new Intl.NumberFormat('en-US', { style: 'currency', currency: code(currency), currencyDisplay: 'narrowSymbol', minimumFractionDigits: digits, maximumFractionDigits: digits });
  const least = 10 ** -digits;
  return (amount) => (amount > 0 && amount < least / 2 ? `< ${n.format(least)}` : n.format(amount));
}
