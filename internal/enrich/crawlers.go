package enrich

import (
	_ "embed"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
)

//go:embed crawlers.txt
var crawlerList string

// crawlers tells robots by their user agents. Nearly all of the patterns are a few plain texts: those are found by
// their first three bytes in one pass over the user agent. The others are expressions, tried only where a text that
// they cannot do without is there.
type crawlers struct {
	first [1 << 12]bool         // hash of three bytes: some text may begin here
	texts map[[3]byte][]literal // by their first three bytes
	rest  []expression
}

type literal struct {
	text       string
	start, end bool // only at the start, only at the end of the user agent
}

type expression struct {
	needs string
	re    *regexp.Regexp
}

func newCrawlers(list string) (*crawlers, error) {
	c := &crawlers{texts: map[[3]byte][]literal{}}
	for line := range strings.Lines(list) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		re, err := syntax.Parse(line, syntax.Perl)
		if err != nil {
			return nil, fmt.Errorf("pattern %q of the list of robots: %w", line, err)
		}
		re = re.Simplify()
		if c.addTexts(re) {
			continue
		}
		compiled, err := regexp.Compile(line)
		if err != nil {
			return nil, fmt.Errorf("pattern %q of the list of robots: %w", line, err)
		}
		c.rest = append(c.rest, expression{needs(re), compiled})
	}
	return c, nil
}

// addTexts takes a pattern that is a few plain texts of at least three bytes, perhaps anchored.
func (c *crawlers) addTexts(re *syntax.Regexp) bool {
	subs := []*syntax.Regexp{re}
	if re.Op == syntax.OpConcat {
		subs = re.Sub
	}
	var l literal
	if len(subs) > 0 && subs[0].Op == syntax.OpBeginText {
		l.start, subs = true, subs[1:]
	}
	if n := len(subs); n > 0 && subs[n-1].Op == syntax.OpEndText {
		l.end, subs = true, subs[:n-1]
	}
	all := expand(&syntax.Regexp{Op: syntax.OpConcat, Sub: subs})
	for _, text := range all {
		if len(text) < 3 {
			return false
		}
	}
	for _, text := range all {
		l.text = text
		k := [3]byte([]byte(text[:3]))
		c.first[hash3(k)] = true
		c.texts[k] = append(c.texts[k], l)
	}
	return len(all) > 0
}

// maxTexts bounds the texts that one pattern becomes.
const maxTexts = 64

// expand returns all texts that an expression matches, or nil when they are many or not only texts.
func expand(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase != 0 {
			return nil
		}
		return []string{string(re.Rune)}
	case syntax.OpCapture:
		return expand(re.Sub[0])
	case syntax.OpCharClass:
		var out []string
		for i := 0; i < len(re.Rune); i += 2 {
			if re.Rune[i+1]-re.Rune[i] > maxTexts {
				return nil
			}
			for r := re.Rune[i]; r <= re.Rune[i+1]; r++ {
				out = append(out, string(r))
			}
		}
		return out
	case syntax.OpAlternate:
		var out []string
		for _, sub := range re.Sub {
			texts := expand(sub)
			if texts == nil {
				return nil
			}
			out = append(out, texts...)
		}
		return out
	case syntax.OpConcat:
		out := []string{""}
		for _, sub := range re.Sub {
			texts := expand(sub)
			if len(texts) == 0 || len(out)*len(texts) > maxTexts {
				return nil
			}
			next := make([]string, 0, len(out)*len(texts))
			for _, head := range out {
				for _, tail := range texts {
					next = append(next, head+tail)
				}
			}
			out = next
		}
		return out
	}
	return nil
}

// needs returns the longest plain text without which a concatenation cannot match; it may be empty.
func needs(re *syntax.Regexp) string {
	best := ""
	for _, sub := range append(re.Sub, re) {
		if sub.Op != syntax.OpLiteral || sub.Flags&syntax.FoldCase != 0 || sub != re && re.Op != syntax.OpConcat {
			continue
		}
		if s := string(sub.Rune); len(s) > len(best) {
			best = s
		}
	}
	return best
}

func hash3(k [3]byte) uint32 {
	return (uint32(k[0])<<16 | uint32(k[1])<<8 | uint32(k[2])) * 2654435761 >> 20
}

// match says whether a pattern is in the user agent.
func (c *crawlers) match(ua string) bool {
	for i := 0; i+3 <= len(ua); i++ {
		k := [3]byte{ua[i], ua[i+1], ua[i+2]}
		if !c.first[hash3(k)] {
			continue
		}
		for _, l := range c.texts[k] {
			if strings.HasPrefix(ua[i:], l.text) && (!l.start || i == 0) && (!l.end || i+len(l.text) == len(ua)) {
				return true
			}
		}
	}
	for _, x := range c.rest {
		if strings.Contains(ua, x.needs) && x.re.MatchString(ua) {
			return true
		}
	}
	return false
}
