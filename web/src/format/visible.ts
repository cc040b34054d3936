// Characters that show nothing of their own: controls, and those that turn the direction of writing (Unicode's Bidi_Control). What somebody sent with them reads as something else than it is.
const unseen = /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

const picture = (c: string): string => {
  const n = c.codePointAt(0)!;
  return n < 0x20 ? String.fromCodePoint(0x2400 + n) : n === 0x7f ? '␡' : `\\u${n.toString(16).padStart(4, '0')}`;
};

/** A text in which such characters can be seen: ␊ of a line's end, \u202e of what turns the rest around. With `lines` it may have lines and tabs. */
export const visible = (text: string, lines = false): string => text.replace(unseen, (c) => (lines && (c === '\n' || c === '\r' || c === '\t') ? c : picture(c)));
