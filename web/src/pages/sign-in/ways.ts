/** What can be typed to sign in. */
export type Way = 'password' | 'key';

/** The way that is offered first, of what the server says; undefined as long as that is not known. Where nobody has an account and no provider signs in, only a key is of use. */
export function firstWay(options: { accounts: boolean; providers: string[] | null } | undefined, pending: boolean): Way | undefined {
  if (!options) return pending ? undefined : 'password';
  return !options.accounts && (options.providers ?? []).length === 0 ? 'key' : 'password';
}
