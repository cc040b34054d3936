package problem

import "strings"

// Edits is the number of single-byte edits, and swaps of neighbours, that turn a into b:
// what suggestions of the name that was probably meant are chosen by.
func Edits(a, b string) int {
	prev2, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}

// MaxMisspelt is the longest name, in bytes, for which a name that was probably meant is looked for: to compare long ones with thousands takes long.
const MaxMisspelt = 64

// DidYouMean is a suggestion, " (did you mean country?)", of the name that was probably meant by one that there is not: the first that begins with it, else the one
// that it differs from least. Empty if none is near: one letter of four, two of eight, three of twelve may be wrong.
func DidYouMean(name string, names []string) string {
	if len(name) < 2 || len(name) > MaxMisspelt {
		return ""
	}
	name = strings.ToLower(name)
	best, least := "", (len(name)+3)/4+1
	for _, n := range names {
		if len(name) > 2 && strings.HasPrefix(n, name) {
			best = n
			break
		}
		if len(n)-len(name) >= least || len(name)-len(n) >= least {
			continue // it differs by more
		}
		if d := Edits(name, n); d < least {
			best, least = n, d
		}
	}
	if best == "" {
		return ""
	}
	return " (did you mean " + best + "?)"
}
