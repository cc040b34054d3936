package embedded

import (
	"bytes"
	"context"
	"strconv"
	"sync"
	"time"
)

// listing looks at the engine's list of running statements for whoever asks. One look takes some milliseconds of CPU, however many statements it is for: those who
// ask while one is under way share the next.
type listing struct {
	pool *sessions

	turn sync.Mutex // one look at a time
	mu   sync.Mutex
	next *look // that has not begun; nil: there is none
}

// look is one look at the list.
type look struct {
	done  chan struct{}
	begin time.Time
	list  map[string]listed // by the mark of the statement's connection
}

// listed is what the list says of a statement.
type listed struct {
	cpu                                    time.Duration
	peakMemory, readRows, readBytes, total uint64
}

// look looks at the list, at some moment after it was called. The result is nobody's to change; its list is empty where the engine gave none.
func (l *listing) look() *look {
	l.mu.Lock()
	n := l.next
	if n != nil {
		l.mu.Unlock()
		<-n.done
		return n
	}
	n = &look{done: make(chan struct{})}
	l.next = n
	l.mu.Unlock()
	defer close(n.done)
	l.turn.Lock()
	defer l.turn.Unlock()
	l.mu.Lock()
	l.next = nil
	l.mu.Unlock()
	n.begin = time.Now()
	n.list = l.read()
	return n
}

// listSQL asks for whole columns: picking values out of the maps would take the engine as long again.
const listSQL = "SELECT Settings, ProfileEvents, peak_memory_usage, read_rows, read_bytes, total_rows_approx FROM system.processes"

func (l *listing) read() map[string]listed {
	sess, err := l.pool.take(context.Background(), "", nil)
	if err != nil {
		return nil
	}
	out, _, err := sess.conn.Query(listSQL, "TSV")
	if err != nil {
		sess.conn.Close()
		return nil
	}
	l.pool.give(sess)
	return parseListing(out)
}

// parseListing reads the answer to listSQL. Values of settings cannot look like a name and a value: their quotes are escaped.
func parseListing(out []byte) map[string]listed {
	list := map[string]listed{}
	for line := range bytes.Lines(out) {
		f := bytes.Split(bytes.TrimSuffix(line, []byte("\n")), []byte("\t"))
		if len(f) != 6 {
			continue
		}
		mark, _, ok := bytes.Cut(valueOf(f[0], "log_comment"), []byte("'"))
		if !ok {
			mark = nil
		}
		var p listed
		p.cpu = time.Duration(leading(valueOf(f[1], "UserTimeMicroseconds"))+leading(valueOf(f[1], "SystemTimeMicroseconds"))) * time.Microsecond
		if peak, err := strconv.ParseInt(string(f[2]), 10, 64); err == nil && peak > 0 {
			p.peakMemory = uint64(peak)
		}
		p.readRows, p.readBytes, p.total = leading(f[3]), leading(f[4]), leading(f[5])
		list[string(mark)] = p
	}
	return list
}

// valueOf returns what follows the name and its colon in a map as the engine prints it, without an opening quote; nil if the name is not there.
func valueOf(m []byte, name string) []byte {
	_, rest, ok := bytes.Cut(m, []byte("'"+name+"':"))
	if !ok {
		return nil
	}
	return bytes.TrimPrefix(rest, []byte("'"))
}

// leading is the number that b begins with, 0 if it begins with none.
func leading(b []byte) uint64 {
	n := 0
	for n < len(b) && b[n] >= '0' && b[n] <= '9' {
		n++
	}
	v, err := strconv.ParseUint(string(b[:n]), 10, 64)
	if err != nil {
		return 0
	}
	return v
}
