package embedded

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"weir/internal/clickhouse/embedded/libchdb"
)

// session is one connection of the library and what its state is. One statement at a time uses it.
type session struct {
	conn     *libchdb.Conn
	mark     string            // log_comment of the connection: finds its statement in system.processes
	tenant   string            // whose text it runs; empty: weir's own
	settings map[string]string // what differs from the defaults
	idle     time.Time         // since when
}

// sessions keeps idle connections for reuse: opening one is cheap (0.25 ms)
// but costs the library about 1 KB that it never gives back. A connection
// that ran tenant text is only ever used again for the same tenant under the same
// settings; no statement that tenant text can be changes its state. A connection whose statement failed is closed.
type sessions struct {
	lib  *libchdb.Library
	base []string // arguments that every connection takes
	n    atomic.Uint64

	mu   sync.Mutex
	free []*session // the last used at the end
}

// limits of the pool.
const (
	maxIdleSessions = 64
	maxIdleTime     = time.Minute
)

// take returns a session for statements of a tenant (or of weir, if empty) under settings.
func (p *sessions) take(ctx context.Context, tenant string, settings map[string]string) (*session, error) {
	if s := p.reuse(tenant, settings); s != nil {
		if err := s.apply(settings); err != nil {
			s.conn.Close()
			return nil, err
		}
		return s, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	mark := "weir/" + strconv.FormatUint(p.n.Add(1), 10)
	conn, err := p.lib.Connect(append(slices.Clone(p.base), "--log_comment="+mark)...)
	if err != nil {
		return nil, err
	}
	s := &session{conn: conn, mark: mark, tenant: tenant}
	if tenant == "" {
		err = s.apply(settings)
	} else {
		err = s.confine(tenant, settings)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return s, nil
}

func (p *sessions) reuse(tenant string, settings map[string]string) *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	best := -1
	for i, s := range slices.Backward(p.free) {
		if s.tenant != tenant {
			continue
		}
		if maps.Equal(s.settings, settings) {
			best = i
			break
		}
		if tenant == "" && best < 0 {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	s := p.free[best]
	p.free = slices.Delete(p.free, best, best+1)
	return s
}

// give returns a session after a statement that ended well.
func (p *sessions) give(s *session) {
	s.idle = time.Now()
	p.mu.Lock()
	p.free = append(p.free, s)
	var old []*session
	for len(p.free) > 0 && (len(p.free) > maxIdleSessions || time.Since(p.free[0].idle) > maxIdleTime) {
		old = append(old, p.free[0])
		p.free = p.free[1:]
	}
	p.mu.Unlock()
	for _, s := range old {
		s.conn.Close()
	}
}

// close closes the idle sessions.
func (p *sessions) close() {
	p.mu.Lock()
	old := p.free
	p.free = nil
	p.mu.Unlock()
	for _, s := range old {
		s.conn.Close()
	}
}

// apply makes the session's settings these, and no others.
func (s *session) apply(settings map[string]string) error {
	if maps.Equal(s.settings, settings) {
		return nil
	}
	var set []string
	for name := range s.settings {
		if _, kept := settings[name]; !kept {
			set = append(set, name+" = DEFAULT")
		}
	}
	for _, name := range slices.SortedFunc(maps.Keys(settings), cmp.Compare[string]) {
		if old, ok := s.settings[name]; !ok || old != settings[name] {
			set = append(set, name+" = "+quote(settings[name]))
		}
	}
	if len(set) == 0 {
		return nil
	}
	if s.tenant != "" && s.settings != nil {
		return fmt.Errorf("engine: settings of a tenant's connection cannot change")
	}
	if err := s.run("SET " + strings.Join(set, ", ")); err != nil {
		return err
	}
	s.settings = maps.Clone(settings)
	return nil
}

// run runs a statement of ours that has no answer.
func (s *session) run(sql string) error {
	_, _, err := s.conn.Query(sql, "TSV")
	return err
}

// quote makes a string literal.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('\'')
	for i := range len(s) {
		switch c := s[i]; c {
		case '\'', '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case 0:
			b.WriteString(`\0`)
		case '\n':
			b.WriteString(`\n`)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('\'')
	return b.String()
}

// quoteName makes an identifier.
func quoteName(s string) string {
	return "`" + strings.NewReplacer("\\", "\\\\", "`", "\\`").Replace(s) + "`"
}
