import { visible } from './visible';

const runs = /(?:%[0-9a-f]{2})+/gi;
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

// Letters, marks, digits, dashes, brackets, quotes, emoji, and marks of sentences: what people write in the names of pages. Blanks, controls (those of the direction of text as
// well), what has no looks, and other punctuation, which has slashes of its own, are not among them.
const legible = /^(?:[\p{L}\p{M}\p{N}\p{Pd}\p{Ps}\p{Pe}\p{Pi}\p{Pf}\p{Extended_Pictographic}!'*,.:@$_~"|^`<>·。、…¡¿])$/u;
const faceless = /\p{Default_Ignorable_Code_Point}/u;
const separates = /[%/\\?#&=+;\s]/; // what is encoded because it would mean something else, and what only looks like it

const writable = (c: string, before: string): boolean => legible.test(c) && !faceless.test(c) && !separates.test(c.normalize('NFKC')) && (!/\p{M}/u.test(c) || /[\p{L}\p{M}]/u.test(before));

/** How many bytes a character of UTF-8 has that begins so; 0 where none does. */
const lengthOf = (first: number): number => (first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0);

/**
 * A path as people read it: `/%C3%9Cber` is `/Über`. Only what is percent-encoded UTF-8 is decoded, and nothing that would look like another part of an
 * address or like nothing at all: slashes, percent signs, blanks, controls stay as they are. It is for the eye only: ask, filter and link with the path itself.
 */
export function readable(path: string): string {
  if (!path.includes('%')) return visible(path);
  return visible(path).replace(runs, (run, at: number) => {
    const bytes = Uint8Array.from({ length: run.length / 3 }, (_, i) => Number.parseInt(run.slice(3 * i + 1, 3 * i + 3), 16));
    let before = path.charAt(at - 1);
    let out = '';
    for (let i = 0; i < bytes.length; ) {
      const n = lengthOf(bytes[i]!);
      const c = n > 0 && i + n <= bytes.length ? decoded(bytes.subarray(i, i + n)) : undefined;
      const step = c === undefined ? 1 : n;
      before = c !== undefined && writable(c, before) ? c : run.slice(3 * i, 3 * (i + step));
      out += before;
      i += step;
    }
    return out;
  });
}

function decoded(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}
