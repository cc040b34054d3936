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

// crawlers tells robots by their user agents. Nearly all of the patterns are plain text: those are found by their
// first three bytes in one pass over the user agent. The few others are one regular expression.
type crawlers struct {
	first [1 << 12]bool         // hash of three bytes: some text may begin here
	texts map[[3]byte][]literal // by their first three bytes
	rest  *regexp.Regexp
}

type literal struct {
	text       string
	start, end bool // only at the start, only at the end of the user agent
}

func newCrawlers(list string) (*crawlers, error) {
	c := &crawlers{texts: map[[3]byte][]literal{}}
	var rest []string
	for line := range strings.Lines(list) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		l, ok, err := parseLiteral(line)
		if err != nil {
			return nil, fmt.Errorf("pattern %q of the list of robots: %w", line, err)
		}
		if !ok {
			rest = append(rest, "(?:"+line+")")
			continue
		}
		k := [3]byte([]byte(l.text[:3]))
		c.first[hash3(k)] = true
		c.texts[k] = append(c.texts[k], l)
	}
	if len(rest) > 0 {
		re, err := regexp.Compile(strings.Join(rest, "|"))
		if err != nil {
			return nil, fmt.Errorf("the list of robots: %w", err)
		}
		c.rest = re
	}
	return c, nil
}

// parseLiteral says whether a pattern is plain text of at least three bytes, perhaps anchored.
func parseLiteral(pattern string) (literal, bool, error) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return literal{}, false, err
	}
	re = re.Simplify()
	subs := []*syntax.Regexp{re}
	if re.Op == syntax.OpConcat {
		subs = re.Sub
	}
	var l literal
	if subs[0].Op == syntax.OpBeginText {
		l.start, subs = true, subs[1:]
	}
	if n := len(subs); n > 0 && subs[n-1].Op == syntax.OpEndText {
		l.end, subs = true, subs[:n-1]
	}
	if len(subs) != 1 || subs[0].Op != syntax.OpLiteral || subs[0].Flags&syntax.FoldCase != 0 {
		return literal{}, false, nil
	}
	l.text = string(subs[0].Rune)
	return l, len(l.text) >= 3, nil
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
	return c.rest != nil && c.rest.MatchString(ua)
}
