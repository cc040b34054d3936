/** A visitor's part of an address. The ids . and .. would be directories on the way: they have a ~ before them, and so has what begins with one. */
export const visitorPart = (id: string): string => encodeURIComponent(/^(~|\.{1,2}$)/.test(id) ? `~${id}` : id);

/** The visitor of such a part, decoded. */
export const visitorOf = (part: string): string => (part.startsWith('~') ? part.slice(1) : part);
