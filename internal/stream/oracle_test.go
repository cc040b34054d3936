package stream

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/internal/event"
	"weir/internal/stream/profile"
)

// oracle works out what must be known of each tenant from the events that must be stored, one by one and in the simplest way.
type oracle struct {
	traits map[string]map[string]event.Traits // tenant, name
	days   map[string]map[int32]profile.Day
	size   map[string]map[string]uint64 // tenant, column
}

func newOracle() *oracle {
	return &oracle{traits: map[string]map[string]event.Traits{}, days: map[string]map[int32]profile.Day{}, size: map[string]map[string]uint64{}}
}

func (o *oracle) add(r event.Row) {
	if o.traits[r.Tenant] == nil {
		o.traits[r.Tenant], o.days[r.Tenant], o.size[r.Tenant] = map[string]event.Traits{}, map[int32]profile.Day{}, map[string]uint64{}
	}
	for _, p := range r.Props {
		trait := event.TraitText
		switch string(p.Value) {
		case "true", "false":
			trait = event.TraitBool
		case "null":
			trait = event.TraitNull
		}
		for _, n := range r.Nums {
			if string(n.Key) == string(p.Key) {
				trait = event.TraitFloat
			}
		}
		o.traits[r.Tenant][string(p.Key)] |= trait
	}
	for _, n := range r.Nums {
		trait := event.TraitFloat
		if n.Value == float64(int64(n.Value)) && n.Value <= 1<<53 && n.Value >= -1<<53 {
			trait = event.TraitInt
		}
		o.traits[r.Tenant][string(n.Key)] |= trait
	}
	total := uint64(0)
	for name, n := range sizeOf(r) {
		o.size[r.Tenant][name] += n
		total += n
	}
	d := o.days[r.Tenant][dayOf(r.TS)]
	o.days[r.Tenant][dayOf(r.TS)] = profile.Day{Day: dayOf(r.TS), Rows: d.Rows + 1, Bytes: d.Bytes + total + event.InternalSize}
}

// sizeOf is the size of one row by column.
func sizeOf(r event.Row) map[string]uint64 {
	out := map[string]uint64{}
	for _, c := range event.Columns {
		if c.Stored {
			out[c.Name] = map[event.Kind]uint64{event.KindString: 3, event.KindLowCard: 1, event.KindTime: 8, event.KindUInt8: 1, event.KindUInt16: 2, event.KindProps: 8, event.KindNums: 8}[c.Kind]
		}
	}
	out["event_id"] += uint64(len(r.EventID))
	out["url"] += uint64(len(r.URL))
	for _, p := range r.Props {
		out["props"] += 16 + uint64(len(p.Key)+len(p.Value))
	}
	for _, n := range r.Nums {
		out["props_num"] += 16 + uint64(len(n.Key))
	}
	return out
}

func (o *oracle) check(t *testing.T, p *Processor) {
	t.Helper()
	for tenant, traits := range o.traits {
		want := map[string]event.PropertyKind{}
		for name, tr := range traits {
			want[name] = tr.Kind()
		}
		got := map[string]event.PropertyKind{}
		for _, q := range p.Schema(tenant).Properties {
			got[q.Name] = q.Kind
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("properties of %s (-want +got):\n%s", tenant, diff)
		}
		var days []profile.Day
		for _, d := range o.days[tenant] {
			days = append(days, d)
		}
		sort.Slice(days, func(i, j int) bool { return days[i].Day < days[j].Day })
		stats := p.Statistics(tenant)
		if diff := cmp.Diff(days, stats.Days); diff != "" {
			t.Errorf("days of %s (-want +got):\n%s", tenant, diff)
		}
		if diff := cmp.Diff(o.size[tenant], stats.Columns); diff != "" {
			t.Errorf("columns of %s (-want +got):\n%s", tenant, diff)
		}
		var rows, bytes uint64
		for _, d := range days {
			rows, bytes = rows+d.Rows, bytes+d.Bytes
		}
		if stats.Rows != rows || stats.Bytes != bytes {
			t.Errorf("%s has %d rows, %d bytes; want %d, %d", tenant, stats.Rows, stats.Bytes, rows, bytes)
		}
	}
}

// watcher asks like a cache of answers does, all the time and across restarts: what it keeps under a version must be the only answer
// of that version, and no older than any answer that was given before.
type watcher struct {
	mu    sync.Mutex
	kept  map[string]map[uint64]string // question, version: answer
	seen  map[string]int               // question: the most rows that an answer had
	last  map[string]uint64            // question: the highest version
	hits  int
	stop  chan struct{}
	ended sync.WaitGroup
}

func newWatcher() *watcher {
	return &watcher{kept: map[string]map[uint64]string{}, seen: map[string]int{}, last: map[string]uint64{}}
}

// watch asks until end is called.
func (w *watcher) watch(t *testing.T, p *Processor, e *fakeEngine) {
	w.stop = make(chan struct{})
	for i := range 3 {
		tenant := "t" + strconv.Itoa(i)
		w.ended.Add(1)
		go func() {
			defer w.ended.Done()
			for {
				select {
				case <-w.stop:
					return
				default:
				}
				w.ask(t, p, tenant, "events", func() (string, int) {
					n := e.count(tenant)
					return strconv.Itoa(n), n
				})
				w.ask(t, p, tenant, "rollups", func() (string, int) { return e.cellsOf(tenant) })
				time.Sleep(50 * time.Microsecond)
			}
		}()
	}
}

func (w *watcher) end() {
	close(w.stop)
	w.ended.Wait()
}

func (w *watcher) ask(t *testing.T, p *Processor, tenant, what string, run func() (string, int)) {
	q := tenant + "/" + what
	w.mu.Lock()
	atLeast := w.seen[q]
	w.mu.Unlock()
	before, settled := p.DataVersion(tenant)
	w.mu.Lock()
	kept, ok := w.kept[q][before]
	if before < w.last[q] {
		t.Errorf("%s: version %d after %d", q, before, w.last[q])
	}
	w.last[q] = max(w.last[q], before)
	if ok {
		w.hits++
		if n, _ := strconv.Atoi(kept); what == "events" && n < atLeast {
			t.Errorf("%s: the answer %s is kept under version %d, an earlier answer had %d rows", q, kept, before, atLeast)
		}
	}
	w.mu.Unlock()
	answer, rows := run()
	after, still := p.DataVersion(tenant)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[q] = max(w.seen[q], rows)
	if !settled || !still || before != after {
		return
	}
	if ok && kept != answer {
		t.Errorf("%s: version %d stands for %q and for %q", q, before, kept, answer)
	}
	if w.kept[q] == nil {
		w.kept[q] = map[uint64]string{}
	}
	w.kept[q][before] = answer
}

func (e *fakeEngine) count(tenant string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, r := range e.rows {
		if r.tenant == tenant {
			n++
		}
	}
	return n
}

// cellsOf is what the rollups have of a tenant.
func (e *fakeEngine) cellsOf(tenant string) (string, int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []string
	total := 0
	for name, months := range e.cells {
		n := uint64(0)
		for _, m := range months {
			n += m[tenant]
		}
		out = append(out, fmt.Sprint(name, "=", n))
		total += int(n)
	}
	slices.Sort(out)
	return fmt.Sprint(out), total
}
