package query

import (
	"bufio"
	"io"
	"strings"
	"sync"

	"github.com/sqlc-dev/doubleclick/lexer"
	"github.com/sqlc-dev/doubleclick/token"
)

// scratch is memory that one check after another uses. Without it, and the copies that changes leaves out, a light statement allocated 50 KB instead of 24, and its check
// took about a quarter longer (BenchmarkGuardLight).
type scratch struct {
	buf         *bufio.Reader
	clean, sent []lexer.Item // of the statement, and of what is made of it
}

var scratches = sync.Pool{New: func() any { return &scratch{buf: bufio.NewReader(nil)} }}

// maxScratch is how many items are kept of a check for the next one, of either kind: some 60 bytes each.
const maxScratch = 512

// room is the statement's scratch.
func (s *statement) room() *scratch {
	if s.scratch == nil {
		s.scratch = scratches.Get().(*scratch)
	}
	return s.scratch
}

// free gives the scratch to the next check. Nothing of the statement that is kept may refer to it.
func (s *statement) free() {
	r := s.scratch
	if r == nil {
		return
	}
	s.scratch, s.items = nil, nil
	r.buf.Reset(nil)
	for _, items := range []*[]lexer.Item{&r.clean, &r.sent} {
		if cap(*items) > maxScratch {
			*items = nil
		}
		clear((*items)[:cap(*items)]) // they hold the tenant's text
		*items = (*items)[:0]
	}
	scratches.Put(r)
}

// reader reads a text for the parser and its lexer, which take one with a buffer as it is: one buffer for all that a statement is read. A reader ends with the next.
func (s *statement) reader(text string) io.Reader {
	r := s.room()
	r.buf.Reset(strings.NewReader(text))
	return r.buf
}

// tokenize is lexer.Tokenize; its result ends with the next.
func (s *statement) tokenize(text string) []lexer.Item {
	lx, items := lexer.New(s.reader(text)), s.room().sent[:0]
	for {
		it := lx.NextToken()
		items = append(items, it)
		if it.Token == token.EOF {
			s.scratch.sent = items
			return items
		}
	}
}
