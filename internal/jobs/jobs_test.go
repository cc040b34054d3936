package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"weir/internal/problem"
	"weir/internal/tenant"
)

var (
	ann      = tenant.Principal{Tenant: "acme", Role: tenant.RoleAnalyst, KeyID: "k_ann"}
	bob      = tenant.Principal{Tenant: "acme", Role: tenant.RoleAnalyst, KeyID: "k_bob"}
	boss     = tenant.Principal{Tenant: "acme", Role: tenant.RoleAdmin, KeyID: "k_boss"}
	stranger = tenant.Principal{Tenant: "other", Role: tenant.RoleAdmin, KeyID: "k_ann"}
	operator = tenant.Principal{Role: tenant.RoleOperator, KeyID: "operator"}
)

// bench is Jobs on a file system in memory.
type bench struct {
	t    *testing.T
	fs   *vfs.MemFS
	db   *pebble.DB
	jobs *Jobs
	stop func()
	now  atomic.Int64
}

func open(t *testing.T, fs *vfs.MemFS, change func(*Config), kinds ...Kind) *bench {
	t.Helper()
	db, err := pebble.Open("state", &pebble.Options{FS: fs, Logger: quiet{}})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, fs: fs, db: db}
	b.now.Store(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano())
	cfg := Config{DB: db, FS: fs, Dir: "jobs", Now: func() time.Time { return time.Unix(0, b.now.Load()).UTC() }}
	if change != nil {
		change(&cfg)
	}
	if b.jobs, err = Open(cfg); err != nil {
		t.Fatal(err)
	}
	for _, k := range kinds {
		b.jobs.Register(k)
	}
	return b
}

func (b *bench) run() *bench {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.jobs.Run(ctx) }()
	b.stop = func() {
		cancel()
		if err := <-done; err != nil {
			b.t.Errorf("Run: %v", err)
		}
		if err := b.db.Close(); err != nil {
			b.t.Error(err)
		}
		b.stop = func() {}
	}
	b.t.Cleanup(func() { b.stop() })
	return b
}

type quiet struct{}

func (quiet) Infof(string, ...any)           {}
func (quiet) Errorf(string, ...any)          {}
func (quiet) Fatalf(format string, a ...any) { panic(fmt.Sprintf(format, a...)) }

func (b *bench) start(who tenant.Principal, kind string, input any) Job {
	b.t.Helper()
	j, prob := b.jobs.Start(who, kind, "title", input)
	if prob != nil {
		b.t.Fatal(prob)
	}
	return j
}

// await waits until the job is in the state.
func (b *bench) await(id string, want State) Job {
	b.t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		j, err := b.jobs.Get(operator, id)
		if err != nil {
			b.t.Fatal(err)
		}
		if j.State == want {
			return j
		}
		if time.Now().After(end) || j.State.Ended() {
			b.t.Fatalf("job is %s, want %s: %+v %v", j.State, want, j, j.Error)
		}
	}
}

func (b *bench) content(id string) string {
	b.t.Helper()
	_, c, err := b.jobs.Open(operator, id)
	if err != nil {
		b.t.Fatal(err)
	}
	text, err := io.ReadAll(c)
	if err := errors.Join(err, c.Close()); err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

// echo writes its input as the result.
var echo = Kind{Name: "echo", Run: func(_ context.Context, r *Run) error {
	var text string
	if err := r.Input(&text); err != nil {
		return err
	}
	w, err := r.Result("text/plain")
	if err != nil {
		return err
	}
	r.Rows(1)
	r.Progress(Progress{Done: 1, Total: 1, Unit: "texts"})
	_, err = io.WriteString(w, text)
	return err
}}

// held is a kind whose jobs wait until the test lets one go, or their context ends.
func held(name string, resumable bool) (k Kind, began chan string, release chan struct{}) {
	began, release = make(chan string, 100), make(chan struct{})
	return Kind{Name: name, Resumable: resumable, Run: func(ctx context.Context, r *Run) error {
		began <- r.Job().ID
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}, began, release
}

func TestJobRunsAndKeepsItsResult(t *testing.T) {
	fs := vfs.NewMem()
	b := open(t, fs, nil, echo).run()
	id := b.start(ann, "echo", "hello").ID
	j := b.await(id, Done)
	if j.Result == nil || *j.Result != (Result{"text/plain", 5, 1}) || j.Progress.Total != 1 || j.Owner() != "key:k_ann" || j.Input != nil || j.Started.IsZero() || j.Expires.Sub(j.Ended) != 24*time.Hour {
		t.Errorf("job is %+v, result %+v", j, j.Result)
	}
	if got := b.content(id); got != "hello" {
		t.Errorf("result is %q", got)
	}
	b.stop()
	b = open(t, fs, nil, echo).run()
	if got := b.content(id); got != "hello" || b.jobs.Stored()["acme"] != 5 {
		t.Errorf("after a restart the result is %q, stored %v", got, b.jobs.Stored())
	}
	b.now.Add(int64(25 * time.Hour))
	b.jobs.sweep()
	if _, err := b.jobs.Get(ann, id); !errors.Is(err, ErrNotFound) || len(b.jobs.Stored()) != 0 || len(files(t, fs)) != 0 {
		t.Errorf("an expired job: %v, stored %v, files %v", err, b.jobs.Stored(), files(t, fs))
	}
}

func files(t *testing.T, fs vfs.FS) []string {
	t.Helper()
	names, err := fs.List("jobs")
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestWhoSeesAJob(t *testing.T) {
	b := open(t, vfs.NewMem(), nil, echo).run()
	id := b.start(ann, "echo", "x").ID
	b.await(id, Done)
	for _, tc := range []struct {
		name string
		p    tenant.Principal
		sees bool
	}{
		{"owner", ann, true}, {"colleague", bob, false}, {"admin", boss, true}, {"stranger with the same key id", stranger, false}, {"operator", operator, true},
		{"operator for another tenant", tenant.Principal{Tenant: "other", Role: tenant.RoleOperator, KeyID: "operator"}, false},
		{"user of the same name", tenant.Principal{Tenant: "acme", Role: tenant.RoleAnalyst, User: "k_ann"}, false}, {"nobody", tenant.Principal{}, false},
	} {
		_, err := b.jobs.Get(tc.p, id)
		_, c, oerr := b.jobs.Open(tc.p, id)
		if c != nil {
			_ = c.Close()
		}
		if (err == nil) != tc.sees || (oerr == nil) != tc.sees || len(b.jobs.List(tc.p, 10)) == 1 != tc.sees {
			t.Errorf("%s: get %v, open %v, list %v", tc.name, err, oerr, b.jobs.List(tc.p, 10))
		}
		if !tc.sees {
			if _, _, err := b.jobs.Cancel(tc.p, id); !errors.Is(err, ErrNotFound) {
				t.Errorf("%s removes it: %v", tc.name, err)
			}
		}
	}
	if len(id) < 26 {
		t.Errorf("id %q can be guessed", id)
	}
}

func TestRestart(t *testing.T) {
	fs := vfs.NewCrashableMem()
	lasting, began1, _ := held("lasting", true)
	short, began2, _ := held("short", false)
	b := open(t, fs, func(c *Config) { c.TenantRunning = 2 }, lasting, short, echo).run()
	going, broken := b.start(ann, "lasting", 1).ID, b.start(ann, "short", 2).ID
	<-began1
	<-began2
	waiting := b.start(ann, "echo", "later").ID // both places are taken
	crash := fs.CrashClone(vfs.CrashCloneCfg{})
	b.stop()

	for _, tc := range []struct {
		name string
		fs   *vfs.MemFS
	}{{"stop", fs}, {"crash", crash}} {
		t.Run(tc.name, func(t *testing.T) {
			lasting, began, release := held("lasting", true)
			b := open(t, tc.fs, nil, lasting, short, echo).run()
			if <-began != going {
				t.Error("another job goes on")
			}
			close(release)
			b.await(going, Done)
			b.await(waiting, Done)
			if j := b.await(broken, Failed); j.Error == nil || j.Error.Code != "interrupted" {
				t.Errorf("an interrupted job says %v", j.Error)
			}
		})
	}
}

func TestCancel(t *testing.T) {
	k, began, _ := held("held", false)
	sys, sysBegan, release := held("sys", false)
	sys.System = true
	b := open(t, vfs.NewMem(), func(c *Config) { c.Workers, c.TenantRunning = 1, 1 }, k, sys).run()
	running := b.start(ann, "held", nil).ID
	<-began
	queued := b.start(ann, "held", nil).ID
	for _, id := range []string{queued, running} {
		j, removed, err := b.jobs.Cancel(ann, id)
		if err != nil || removed || j.State != Cancelled {
			t.Errorf("cancel: %+v, %v, %v", j, removed, err)
		}
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		b.jobs.mu.Lock()
		n := len(b.jobs.live)
		b.jobs.mu.Unlock()
		if n == 0 {
			break
		}
	}
	for _, id := range []string{queued, running} {
		if _, removed, err := b.jobs.Cancel(ann, id); err != nil || !removed {
			t.Errorf("remove: %v, %v", removed, err)
		}
	}
	if l := b.jobs.List(operator, 10); len(l) != 0 || len(b.jobs.live) != 0 {
		t.Errorf("left: %v, counted %v", l, b.jobs.live)
	}
	id := b.start(operator, "sys", nil).ID
	<-sysBegan // it has a lane of its own
	if _, _, err := b.jobs.Cancel(operator, id); err == nil || !strings.Contains(err.Error(), "not_cancellable") {
		t.Errorf("a system job is cancelled: %v", err)
	}
	close(release)
	b.await(id, Done)
}

// A removed job that still runs goes when it has come to its end.
func TestRemoveWhileItEnds(t *testing.T) {
	slow, gate := make(chan struct{}), make(chan struct{})
	b := open(t, vfs.NewMem(), nil, Kind{Name: "deaf", Run: func(_ context.Context, r *Run) error {
		w, err := r.Result("text/plain")
		_, _ = io.WriteString(w, "half")
		close(slow)
		<-gate
		return err
	}}).run()
	id := b.start(ann, "deaf", nil).ID
	<-slow
	for range 2 { // cancel, then remove
		if _, _, err := b.jobs.Cancel(ann, id); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.jobs.Get(ann, id); !errors.Is(err, ErrNotFound) {
		t.Errorf("still there: %v", err)
	}
	close(gate)
	b.jobs.running.Wait()
	if n := files(t, b.fs); len(n) != 0 || len(b.jobs.entries) != 0 || b.jobs.disk != 0 {
		t.Errorf("left: files %v, entries %v, bytes %d", n, b.jobs.entries, b.jobs.disk)
	}
}

func TestFailuresAreTold(t *testing.T) {
	refuse := func(err error) Kind {
		return Kind{Name: "k", Run: func(_ context.Context, r *Run) error {
			w, _ := r.Result("text/plain")
			_, _ = io.WriteString(w, "partly")
			return err
		}}
	}
	for _, tc := range []struct {
		kind Kind
		code string
	}{
		{refuse(fmt.Errorf("wrapped: %w", problem.New(403, "forbidden_table", "no"))), "forbidden_table"},
		{refuse(errors.New("secret detail")), "internal"},
		{Kind{Name: "k", Run: func(context.Context, *Run) error { panic("secret detail") }}, "internal"},
	} {
		b := open(t, vfs.NewMem(), nil, tc.kind).run()
		j := b.await(b.start(ann, "k", nil).ID, Failed)
		if j.Error == nil || j.Error.Code != tc.code || strings.Contains(j.Error.Detail, "secret") || j.Result != nil || len(files(t, b.fs)) != 0 || b.jobs.disk != 0 {
			t.Errorf("job is %+v: %v", j, j.Error)
		}
		if _, _, err := b.jobs.Open(ann, j.ID); err == nil {
			t.Error("a failed job has a result")
		}
	}
}

func TestLimits(t *testing.T) {
	k, began, release := held("held", false)
	b := open(t, vfs.NewMem(), func(c *Config) {
		c.MaxResult, c.MaxDiskTenant, c.MaxDisk, c.TenantQueued, c.TenantRunning, c.Workers = 10, 15, 20, 3, 1, 2
	}, k, echo).run()
	for range 3 {
		b.start(ann, "held", nil)
	}
	if _, prob := b.jobs.Start(boss, "held", "", nil); prob == nil || prob.Limit != "jobs.tenant_queued" || prob.Status != 429 || prob.RetryAfter == 0 {
		t.Errorf("a fourth job: %v", prob)
	}
	<-began
	other := b.start(stranger, "held", nil).ID // has a place of its own
	if got := <-began; got != other {
		t.Errorf("%s runs although its tenant has one place", got)
	}
	close(release)
	if j := b.await(b.start(stranger, "echo", "12345678901").ID, Failed); j.Error.Limit != "jobs.max_result" || j.Error.LimitValue != 10 {
		t.Errorf("too long a result: %v", j.Error)
	}
	b.await(b.start(stranger, "echo", "1234567890").ID, Done)
	if j := b.await(b.start(stranger, "echo", "123456").ID, Failed); j.Error.Limit != "jobs.max_disk_tenant" {
		t.Errorf("too much for the tenant: %v", j.Error)
	}
	b.await(b.start(stranger, "echo", "12345").ID, Done)
	if _, prob := b.jobs.Start(stranger, "echo", "", "x"); prob == nil || prob.Limit != "jobs.max_disk_tenant" {
		t.Errorf("a job of a tenant whose space is full: %v", prob)
	}
	third := tenant.Principal{Tenant: "third", Role: tenant.RoleAnalyst, KeyID: "k"}
	if j := b.await(b.start(third, "echo", "123456").ID, Failed); j.Error.Limit != "jobs.max_disk" {
		t.Errorf("too much for all: %v", j.Error)
	}
}

// A result that is removed while somebody reads it counts until they have done: the disk holds it as long.
func TestRemovedWhileRead(t *testing.T) {
	b := open(t, vfs.NewMem(), func(c *Config) { c.MaxDiskTenant = 10 }, echo).run()
	id := b.start(ann, "echo", "12345678").ID
	b.await(id, Done)
	var open []io.Closer
	for range 2 {
		_, c, err := b.jobs.Open(ann, id)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
	}
	if _, removed, err := b.jobs.Cancel(ann, id); err != nil || !removed {
		t.Fatal(removed, err)
	}
	if _, _, err := b.jobs.Open(ann, id); !errors.Is(err, ErrNotFound) {
		t.Errorf("a removed result is opened: %v", err)
	}
	for _, c := range open {
		if got := b.jobs.Stored()["acme"]; got != 8 {
			t.Errorf("%d bytes count while it is read, want 8", got)
		}
		if j := b.await(b.start(ann, "echo", "123").ID, Failed); j.Error.Limit != "jobs.max_disk_tenant" {
			t.Errorf("%+v", j.Error)
		}
		for range 2 { // a second close changes nothing
			_ = c.Close()
		}
	}
	if got := b.jobs.Stored()["acme"]; got != 0 {
		t.Errorf("%d bytes count when nobody reads it any more", got)
	}
	b.await(b.start(ann, "echo", "123").ID, Done)
}

func TestOldestGo(t *testing.T) {
	b := open(t, vfs.NewMem(), func(c *Config) { c.TenantKept = 2 }, echo).run()
	var ids []string
	for i := range 4 {
		b.now.Add(int64(time.Second))
		id := b.start(ann, "echo", fmt.Sprint(i)).ID
		b.await(id, Done)
		ids = append([]string{id}, ids...)
	}
	b.jobs.running.Wait()
	var got []string
	for _, j := range b.jobs.List(ann, 10) {
		got = append(got, j.ID)
	}
	if !slices.Equal(got, ids[:2]) || len(files(t, b.fs)) != 2 {
		t.Errorf("kept %v of %v, files %v", got, ids, files(t, b.fs))
	}
}

func TestSavedStateSurvives(t *testing.T) {
	fs := vfs.NewCrashableMem()
	counting := func(stopAt int, reached chan int) Kind {
		return Kind{Name: "count", Resumable: true, Run: func(ctx context.Context, r *Run) error {
			n := 0
			if _, err := r.Saved(&n); err != nil {
				return err
			}
			for ; n < 5; n++ {
				if n == stopAt {
					reached <- n
					<-ctx.Done()
					return ctx.Err()
				}
				if err := r.Save(n + 1); err != nil {
					return err
				}
			}
			reached <- n
			return nil
		}}
	}
	reached := make(chan int, 10)
	b := open(t, fs, nil, counting(3, reached)).run()
	id := b.start(operator, "count", nil).ID
	<-reached
	crash := fs.CrashClone(vfs.CrashCloneCfg{})
	b.stop()
	b = open(t, crash, nil, counting(-1, reached)).run()
	b.await(id, Done)
	if n := <-reached; n != 5 {
		t.Errorf("went on to %d", n)
	}
}

func TestForgetTenant(t *testing.T) {
	k, began, _ := held("held", true)
	b := open(t, vfs.NewMem(), func(c *Config) { c.TenantRunning = 1 }, k, echo).run()
	keep := b.start(stranger, "echo", "theirs").ID
	gone := b.start(ann, "echo", "mine").ID
	b.await(gone, Done)
	b.start(ann, "held", nil)
	<-began
	b.start(bob, "held", nil) // waits
	f, err := b.jobs.ForgetTenant(t.Context(), "acme", "")
	if err != nil || f != (Forgotten{Jobs: 3, Bytes: 4}) {
		t.Errorf("forgot %+v, %v", f, err)
	}
	if l := b.jobs.List(operator, 10); len(l) != 1 || l[0].ID != keep {
		t.Errorf("left %v", l)
	}
	if f, err = b.jobs.ForgetTenant(t.Context(), "acme", ""); err != nil || f != (Forgotten{}) {
		t.Errorf("a second time: %+v, %v", f, err)
	}
}

func TestValidate(t *testing.T) {
	_, err := Open(Config{Keep: -1, Workers: -1})
	for _, want := range []string{"DB", "Dir", "jobs.keep", "jobs.workers"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error does not name %s: %v", want, err)
		}
	}
}
