const name = 'weir.site';

/** The site that was looked at last in this browser, to begin with next time. */
export const lastSite = (): string | undefined => localStorage.getItem(name) ?? undefined;
export const rememberSite = (id: string) => localStorage.setItem(name, id);
