//go:build system

package system

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weir/internal/clickhouse"
	weir "weir/sdk/go"
	"weir/test/system/harness"
)

// storedTimes is how often each event id of a tenant is stored, once all that was accepted can be seen.
func storedTimes(t *testing.T, srv *harness.Server, tenant harness.Tenant) map[string]int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	engine, err := clickhouse.New("unix://" + srv.Dir() + "/engine/engine.sock")
	if err != nil {
		t.Fatal(err)
	}
	for {
		var usage struct {
			Totals []struct{ Received, Pending int }
		}
		err := srv.Client(tenant.Admin).Do(ctx, http.MethodGet, "/api/v1/usage", nil, &usage)
		if err == nil && len(usage.Totals) == 1 && usage.Totals[0].Pending == 0 {
			break
		}
		select {
		case <-ctx.Done():
			t.Fatalf("events stay pending: %+v (%v)", usage, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
	times := map[string]int{}
	if _, err := engine.Rows(ctx, clickhouse.Statement{SQL: "SELECT event_id FROM weir.events WHERE tenant = '" + tenant.ID + "'"}, func(row []any) error {
		times[row[0].(string)]++
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return times
}

// once fails for each event that was taken and is not stored, and for each that is stored twice. It returns how many are stored.
func once(t *testing.T, taken []string, stored map[string]int) int {
	t.Helper()
	lost, doubled := 0, 0
	for _, id := range taken {
		if stored[id] == 0 {
			lost++
		}
	}
	for _, n := range stored {
		if n > 1 {
			doubled++
		}
	}
	if lost > 0 || doubled > 0 {
		t.Errorf("of %d events that Track took %d are lost, of %d that are stored %d are there twice", len(taken), lost, len(stored), doubled)
	}
	return len(stored)
}

// TestGoSDKServerKilled kills the server while clients with a queue in memory and one on disk send: what Track took is stored once.
func TestGoSDKServerKilled(t *testing.T) {
	t.Parallel()
	srv := harness.StartT(t, harness.Config{})
	tenant, err := srv.NewTenant(t.Context(), "gosdk")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var taken []string
	var stop atomic.Bool
	var sending sync.WaitGroup
	clients := map[string]*weir.Client{}
	for name, spool := range map[string]string{"memory": "", "disk": t.TempDir()} {
		c, err := weir.New(weir.Options{Endpoint: srv.URL, WriteKey: tenant.WriteKey, Spool: spool, Block: true, BatchEvents: 50, FlushInterval: 20 * time.Millisecond,
			MinBackoff: 20 * time.Millisecond, MaxBackoff: 300 * time.Millisecond, OnRejected: func(e weir.Event, r weir.Rejection) { t.Errorf("%s: %+v", e.ID, r) }})
		if err != nil {
			t.Fatal(err)
		}
		clients[name] = c
		for range 3 {
			sending.Go(func() {
				for i := 0; !stop.Load(); i++ {
					id := weir.NewID()
					if err := c.Track(t.Context(), weir.Event{ID: id, Type: "e", ClientID: fmt.Sprint(name, i%20)}); err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					taken = append(taken, id)
					mu.Unlock()
					time.Sleep(2 * time.Millisecond)
				}
			})
		}
	}
	rng := rand.New(rand.NewPCG(5, 6))
	for range times(t, 8, 3) {
		time.Sleep(time.Duration(200+rng.IntN(800)) * time.Millisecond)
		if err := errors.Join(srv.Kill(), srv.Restart(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	stop.Store(true)
	sending.Wait()
	failures := uint64(0)
	for name, c := range clients {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if err := c.Close(ctx); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
		failures += c.Stats().Failures
	}
	if failures == 0 {
		t.Error("no request failed: the kills hit nothing")
	}
	if n := once(t, taken, storedTimes(t, srv, tenant)); n != len(taken) {
		t.Errorf("%d events are stored, %d were taken", n, len(taken))
	}
	t.Logf("%d events, %d failed requests", len(taken), failures)
}

// TestGoSDKChild is no test but the program that TestGoSDKClientKilled kills: it tracks events and writes down, after each Track, the id of what was taken.
func TestGoSDKChild(t *testing.T) {
	endpoint := os.Getenv("GOSDK_ENDPOINT")
	if endpoint == "" {
		t.Skip("it is run by TestGoSDKClientKilled")
	}
	journal, err := os.OpenFile(os.Getenv("GOSDK_JOURNAL"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	c, err := weir.New(weir.Options{Endpoint: endpoint, WriteKey: os.Getenv("GOSDK_KEY"), Spool: os.Getenv("GOSDK_SPOOL"), Block: true, BatchEvents: 30, FlushInterval: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; ; i++ {
		id := weir.NewID()
		if err := c.Track(t.Context(), weir.Event{ID: id, Type: "e", ClientID: fmt.Sprint("c", i%20), Props: map[string]any{"text": strings.Repeat("x", i%300)}}); err != nil {
			t.Fatal(err)
		}
		if _, err := journal.WriteString(id + "\n"); err != nil {
			t.Fatal(err)
		}
		if i%100 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
}

// journalled is about how many ids a journal has.
func journalled(journal string) int64 {
	st, err := os.Stat(journal)
	if err != nil {
		return 0 // not begun
	}
	return st.Size() / 37
}

// TestGoSDKClientKilled kills a process with a queue on disk again and again while it sends, the server too: what Track took is stored once.
func TestGoSDKClientKilled(t *testing.T) {
	t.Parallel()
	srv := harness.StartT(t, harness.Config{})
	tenant, err := srv.NewTenant(t.Context(), "gosdk")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	journal, spool := filepath.Join(dir, "journal"), filepath.Join(dir, "spool")
	rng := rand.New(rand.NewPCG(7, 8))
	waited := uint64(0)
	for n := range times(t, 15, 5) {
		var out strings.Builder
		child := exec.Command(os.Args[0], "-test.run", "^TestGoSDKChild$")
		child.Env = append(os.Environ(), "GOSDK_ENDPOINT="+srv.URL, "GOSDK_KEY="+tenant.WriteKey, "GOSDK_SPOOL="+spool, "GOSDK_JOURNAL="+journal)
		child.Stdout, child.Stderr = &out, &out
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- child.Wait() }()
		if n%3 == 2 { // it goes on while the server is dead
			if err := srv.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		deadline := time.Now().Add(time.Minute)
		for pause, before := time.Duration(rng.IntN(500))*time.Millisecond, journalled(journal); ; pause = 0 { // however long it takes to begin
			select {
			case <-time.After(pause + 5*time.Millisecond):
			case err := <-ended:
				t.Fatalf("the client ended by itself: %v\n%s", err, out.String())
			}
			if journalled(journal)-before >= 300 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("the client tracks nothing")
			}
		}
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		<-ended
		if n%3 == 2 {
			if err := srv.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	c, err := weir.New(weir.Options{Endpoint: srv.URL, WriteKey: tenant.WriteKey, Spool: spool})
	if err != nil {
		t.Fatal(err)
	}
	waited += c.Stats().Queued
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := c.Close(ctx); err != nil {
		t.Fatal(err)
	}
	text, err := os.Open(journal)
	if err != nil {
		t.Fatal(err)
	}
	defer text.Close()
	var taken []string
	for lines := bufio.NewScanner(text); lines.Scan(); {
		if len(lines.Text()) == 36 { // the last line of a life may be cut off
			taken = append(taken, lines.Text())
		}
	}
	if len(taken) < 1000 {
		t.Errorf("only %d events were taken", len(taken))
	}
	once(t, taken, storedTimes(t, srv, tenant))
	t.Logf("%d events were taken, %d waited after the last kill", len(taken), waited)
}

// TestGoSDKRefused lets the server reject single events, whole requests for their size, and events above the tenant's rate.
func TestGoSDKRefused(t *testing.T) {
	t.Parallel()
	srv := harness.StartT(t, harness.Config{Args: []string{"--ingest-max-body", "64KiB"}})
	tenant, err := srv.NewTenant(t.Context(), "gosdk")
	if err != nil {
		t.Fatal(err)
	}
	var rejected []string
	c, err := weir.New(weir.Options{Endpoint: srv.URL, WriteKey: tenant.WriteKey, FlushInterval: time.Hour, OnRejected: func(e weir.Event, r weir.Rejection) {
		rejected = append(rejected, fmt.Sprintf("%s %s %s", e.Type, r.Code, r.Field))
	}})
	if err != nil {
		t.Fatal(err)
	}
	track := func(n int, e weir.Event) {
		t.Helper()
		for range n {
			if err := c.Track(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
	}
	flush := func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := c.Flush(ctx); err != nil {
			t.Fatal(err)
		}
	}
	track(1, weir.Event{Type: "good", Time: time.Now().AddDate(0, 0, -300)})
	track(1, weir.Event{Type: "future", Time: time.Now().AddDate(1, 0, 0)})
	track(1, weir.Event{Type: "good"})
	flush()
	track(40, weir.Event{Type: "good", Props: map[string]any{"x": strings.Repeat("x", 10_000)}}) // 400 KB
	flush()
	if err := srv.Admin().Do(t.Context(), http.MethodPatch, "/api/v1/tenants/gosdk", map[string]any{"limits": map[string]int64{"events_per_second": 20, "burst_seconds": 1}}, nil); err != nil {
		t.Fatal(err)
	}
	track(70, weir.Event{Type: "good"})
	flush()
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(rejected) != 1 || rejected[0] != "future ts_out_of_range ts" {
		t.Errorf("rejected: %v", rejected)
	}
	st := c.Stats()
	if n := len(storedTimes(t, srv, tenant)); n != 112 || st.Sent != 112 || st.Rejected != 1 || st.Failures == 0 {
		t.Errorf("%d events are stored; %+v", n, st)
	}
}
