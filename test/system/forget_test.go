//go:build system

package system

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"weir/internal/client"
	"weir/internal/problem"
	"weir/test/system/harness"
)

// forgetting takes properties out of the schema of a tenant whose events have them, while weir is killed. All events of a generation have the property gen<n>, and a price that is a text in odd
// generations: so gen<n> never comes back once it is taken out, and price comes back as a number as soon as the texts before it are taken out.
type forgetting struct {
	*load
	admin *client.Client // tries once
	n     atomic.Int64   // the generation of the next events
	gone  map[string]bool
	left  []string // generations before n that are not gone
	texts bool     // a price that was not taken out may have been a text
	took  time.Duration
}

func (f *forgetting) props() string {
	n := f.n.Load()
	price := "7"
	if n%2 == 1 {
		price = `"free"`
	}
	return fmt.Sprintf(`"value":1,"gen%d":1,"price":%s`, n, price)
}

// next begins a generation: all events of the ones before are acknowledged, and not sent again.
func (f *forgetting) next(t *testing.T) {
	t.Helper()
	for begun, deadline := f.acked.Load(), time.Now().Add(2*time.Minute); f.acked.Load() < begun+5; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing is acknowledged")
		}
	}
	f.gate.Lock()
	defer f.gate.Unlock()
	f.left = append(f.left, fmt.Sprint("gen", f.n.Load()))
	f.texts = f.texts || f.n.Load()%2 == 1
	f.n.Add(1)
}

// remove takes properties out, once.
func (f *forgetting) remove(t *testing.T, names ...string) (took time.Duration, err error) {
	begun := time.Now()
	var out struct{ Forgotten []struct{ Name string } }
	err = f.admin.Do(t.Context(), http.MethodDelete, "/api/v1/schema/properties?"+url.Values{"name": names}.Encode(), nil, &out)
	if err == nil {
		for _, name := range names {
			if !slices.ContainsFunc(out.Forgotten, func(q struct{ Name string }) bool { return q.Name == name }) {
				t.Errorf("%s is not among what was taken out: %v", name, out.Forgotten)
			}
		}
	}
	return time.Since(begun), err
}

func code(err error) string {
	var p *problem.Problem
	if errors.As(err, &p) {
		return p.Code
	}
	return ""
}

// stored waits until everything that was acknowledged is stored, as taking out what there is not does.
func (f *forgetting) stored(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; {
		_, err := f.remove(t, "never")
		if code(err) == "not_found" {
			return
		}
		if code(err) != "not_visible_yet" && code(err) != "schema_incomplete" || time.Now().After(deadline) {
			t.Fatalf("what was acknowledged is not stored: %v", err)
		}
	}
}

// kinds are the properties of the schema, and the columns of SQL that are properties.
func (f *forgetting) read(t *testing.T) (kinds, columns map[string]string) {
	t.Helper()
	var schema struct {
		Properties []struct{ Name, Type string }
	}
	if err := f.srv.Client(f.tenant.Analyst).Do(t.Context(), http.MethodGet, "/api/v1/schema", nil, &schema); err != nil {
		t.Fatal(err)
	}
	kinds, columns = map[string]string{}, map[string]string{}
	for _, q := range schema.Properties {
		kinds[q.Name] = q.Type
	}
	res, err := f.srv.Client(f.tenant.Analyst).QueryRows(t.Context(), client.QueryRequest{SQL: "SELECT name, type FROM system.columns WHERE table = 'events'"})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range res.Data {
		if name := fmt.Sprint(row["name"]); name == "price" || name == "value" || strings.HasPrefix(name, "gen") {
			columns[name] = fmt.Sprint(row["type"])
		}
	}
	return kinds, columns
}

// check finds out what became of a removal that ended with err, and that it is all or nothing, the same in the schema and in SQL, and as it was acknowledged.
func (f *forgetting) check(t *testing.T, err error) {
	t.Helper()
	f.stored(t)
	kinds, columns := f.read(t)
	for again, _ := f.read(t); !maps.Equal(kinds, again); again, _ = f.read(t) { // an event has come meanwhile
		kinds, columns = f.read(t)
	}
	if !maps.Equal(kinds, columns) {
		t.Errorf("the schema has %v, SQL has %v", kinds, columns)
	}
	for name := range f.gone {
		if kinds[name] != "" {
			t.Errorf("%s was taken out and is back", name)
		}
	}
	is := slices.DeleteFunc(slices.Clone(f.left), func(name string) bool { return kinds[name] == "" })
	switch {
	case len(is) > 0 && len(is) < len(f.left):
		t.Errorf("of %v only %v are there: a removal is all or nothing", f.left, is)
	case err == nil && len(is) > 0:
		t.Errorf("the removal of %v was acknowledged, and is undone", is)
	case code(err) == "not_visible_yet" && len(is) == 0:
		t.Errorf("the removal of %v was refused, and is done", f.left)
	}
	if len(is) == 0 { // and with them the price
		for _, name := range f.left {
			f.gone[name] = true
		}
		f.left, f.texts = nil, f.n.Load()%2 == 1
	}
	want := "Nullable(Int64)"
	if f.texts {
		want = "Nullable(String)"
	}
	if got := kinds["price"]; got != want && (got != "" || len(is) > 0) {
		t.Errorf("the price is %q, want %s; left of %v is %v", got, want, f.left, is)
	}
}

// TestForgetKilled kills weir with SIGKILL at random moments of removals of properties, and right after their answers, while events that have them come.
func TestForgetKilled(t *testing.T) {
	t.Parallel()
	srv := harness.StartT(t, harness.Config{Env: []string{"WEIR_QUERY_TOKEN_WAIT=20s"}})
	tenant, err := srv.NewTenant(t.Context(), "forget")
	if err != nil {
		t.Fatal(err)
	}
	f := &forgetting{gone: map[string]bool{}, took: time.Second, admin: client.New(srv.URL, tenant.Admin, client.Options{RetryFor: -1})}
	f.load = startLoadOf(t, srv, tenant, 2, f.props)
	rng := rand.New(rand.NewPCG(5, 6))
	outcomes := map[string]int{}
	kills := times(t, 16, 6)
	for i := range kills {
		f.next(t)
		names := append([]string{"price"}, f.left...)
		var err error
		if i%2 == 0 { // right after the answer
			for deadline := time.Now().Add(2 * time.Minute); ; {
				if f.took, err = f.remove(t, names...); code(err) != "not_visible_yet" || time.Now().After(deadline) {
					break
				}
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		answer := make(chan error, 1)
		if i%2 == 1 {
			go func() {
				_, err := f.remove(t, names...)
				answer <- err
			}()
			time.Sleep(time.Duration(rng.Int64N(int64(f.took + f.took/4))))
		}
		if err := srv.Kill(); err != nil {
			t.Fatal(err)
		}
		if i%2 == 1 {
			err = <-answer
		}
		if err := errors.Join(srv.Spawn(), srv.WaitReady(t.Context())); err != nil {
			t.Fatal(err)
		}
		before := len(f.left)
		f.check(t, err)
		outcomes[fmt.Sprintf("acknowledged %v, done %v", err == nil, len(f.left) < before)]++
		if t.Failed() {
			break
		}
	}
	f.finish()
	f.left = append(f.left, fmt.Sprint("gen", f.n.Load())) // that of the last events
	for range 2 {
		f.stored(t)
		kinds, columns := f.read(t)
		if !maps.Equal(kinds, columns) {
			t.Errorf("the schema has %v, SQL has %v", kinds, columns)
		}
		f.kinds = map[string]string{"value": "int", "price": "int"}
		if f.texts {
			f.kinds["price"] = "string"
		}
		for _, name := range f.left {
			f.kinds[name] = "int"
		}
		f.verify(t)
		n, err := harness.Count(t.Context(), srv.Client(tenant.Analyst), "SELECT count() AS n FROM events WHERE arrayExists(k -> startsWith(k, 'gen'), mapKeys(props_num)) AND (props['price'] = 'free' OR props_num['price'] = 7)")
		if err != nil || int(n) != len(f.ids) {
			t.Errorf("%d of %d events have their properties, %v", n, len(f.ids), err)
		}
		var usage struct{ Hours []healthHour }
		if err := srv.Client(tenant.Admin).Do(t.Context(), http.MethodGet, "/api/v1/usage", nil, &usage); err != nil {
			t.Fatal(err)
		}
		if sum := soundHours(t, "usage", usage.Hours); sum.Stored != len(f.ids) || sum.Rejected != 0 || sum.Pending != 0 {
			t.Errorf("the accounting has %+v of %d events", sum, len(f.ids))
		}
		if err := errors.Join(srv.Kill(), srv.Spawn(), srv.WaitReady(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d kills, %d events, removals: %v", kills, len(f.ids), outcomes)
}
