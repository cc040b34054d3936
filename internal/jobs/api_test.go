package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"weir/internal/problem"
	"weir/internal/tenant"
)

// surface serves the endpoints to whoever the header Who names.
func surface(b *bench) func(method, path, who string, header ...string) *httptest.ResponseRecorder {
	people := map[string]tenant.Principal{"ann": ann, "bob": bob, "boss": boss, "stranger": stranger, "operator": operator}
	mux := http.NewServeMux()
	api := humago.New(mux, huma.DefaultConfig("test", "1"))
	api.UseMiddleware(func(ctx huma.Context, next func(huma.Context)) {
		next(huma.WithContext(ctx, tenant.With(ctx.Context(), people[ctx.Header("Who")])))
	})
	b.jobs.Mount(api)
	return func(method, path, who string, header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, nil)
		r.Header.Set("Who", who)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		return w
	}
}

func TestAPI(t *testing.T) {
	k, began, _ := held("held", false)
	b := open(t, vfs.NewMem(), nil, echo, k).run()
	do := surface(b)
	id := b.start(ann, "echo", "hello, world").ID
	b.await(id, Done)
	w := do("GET", "/jobs/"+id, "ann")
	var v View
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil || w.Code != 200 {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	if v.State != Done || v.Result == nil || v.Result.URL != "/jobs/"+id+"/result" || v.Result.Bytes != 12 || v.Owner != "key:k_ann" || v.Tenant != "acme" || v.Title != "title" {
		t.Errorf("view is %+v", v)
	}
	if w := do("GET", "/jobs/"+id+"/result", "ann"); w.Code != 200 || w.Body.String() != "hello, world" || w.Header().Get("Content-Type") != "text/plain" || w.Header().Get("Accept-Ranges") != "bytes" {
		t.Errorf("result: %d %q %v", w.Code, w.Body, w.Header())
	}
	if w := do("GET", "/jobs/"+id+"/result", "boss", "Range", "bytes=7-"); w.Code != 206 || w.Body.String() != "world" {
		t.Errorf("range: %d %q", w.Code, w.Body)
	}
	if w := do("GET", "/jobs/"+id+"/result", "boss", "Range", "bytes=90-"); w.Code != 416 {
		t.Errorf("range behind the end: %d", w.Code)
	}
	for _, path := range []string{"/jobs/" + id, "/jobs/" + id + "/result", "/jobs/" + newID()} {
		for _, who := range []string{"bob", "stranger"} {
			if w := do("GET", path, who); w.Code != 404 {
				t.Errorf("%s gets %s: %d", who, path, w.Code)
			}
		}
	}
	running := b.start(ann, "held", nil).ID
	<-began
	if w := do("GET", "/jobs/"+running+"/result", "ann"); w.Code != 409 || w.Header().Get("Retry-After") != "1" {
		t.Errorf("result of a running job: %d %s", w.Code, w.Body)
	}
	if w := do("GET", "/jobs?limit=1", "boss"); w.Code != 200 || !json.Valid(w.Body.Bytes()) {
		t.Errorf("list: %d %s", w.Code, w.Body)
	}
	if w := do("GET", "/jobs?limit=0", "boss"); w.Code != 422 {
		t.Errorf("list of none: %d", w.Code)
	}
	if w := do("DELETE", "/jobs/"+running, "ann"); w.Code != 200 || json.Unmarshal(w.Body.Bytes(), &v) != nil || v.State != Cancelled {
		t.Errorf("cancel: %d %s", w.Code, w.Body)
	}
	if w := do("DELETE", "/jobs/"+id, "ann"); w.Code != 204 || w.Body.Len() != 0 {
		t.Errorf("remove: %d %s", w.Code, w.Body)
	}
	if w := do("DELETE", "/jobs/"+id, "ann"); w.Code != 404 {
		t.Errorf("remove again: %d", w.Code)
	}
	var list struct{ Jobs []View }
	if w := do("GET", "/jobs", "bob"); json.Unmarshal(w.Body.Bytes(), &list) != nil || list.Jobs == nil || len(list.Jobs) != 0 {
		t.Errorf("a colleague's list: %s", w.Body)
	}
}

// What a runner noted about its result stays with it, over a restart, and its kind says by it who may have it.
func TestResultThatMayNotBeRead(t *testing.T) {
	k := Kind{Name: "shut", Run: func(_ context.Context, r *Run) error {
		w, err := r.Result("text/plain")
		if err != nil {
			return err
		}
		if err := r.Under("only bosses"); err != nil {
			return err
		}
		_, err = w.Write([]byte("secret"))
		return err
	}, MayRead: func(who tenant.Principal, j Job) *problem.Problem {
		if who.Role == tenant.RoleAdmin && string(j.Under) == `"only bosses"` {
			return nil
		}
		return problem.New(403, "shut", "run it again")
	}}
	fs := vfs.NewMem()
	b := open(t, fs, nil, k).run()
	id := b.start(ann, "shut", nil).ID
	b.await(id, Done)
	for _, when := range []string{"at once", "after a restart"} {
		do := surface(b)
		if w := do("GET", "/jobs/"+id+"/result", "ann"); w.Code != 403 {
			t.Errorf("%s: %d %s", when, w.Code, w.Body)
		}
		if w := do("GET", "/jobs/"+id+"/result", "boss"); w.Code != 200 || w.Body.String() != "secret" {
			t.Errorf("%s, who may: %d %s", when, w.Code, w.Body)
		}
		if w := do("GET", "/jobs/"+id, "ann"); w.Code != 200 {
			t.Errorf("%s, the job: %d %s", when, w.Code, w.Body)
		}
		if when == "at once" {
			b.stop()
			b = open(t, fs, nil, k).run()
		}
	}
}

func TestWriteAccepted(t *testing.T) {
	w := httptest.NewRecorder()
	WriteAccepted(w, Job{ID: "abc", State: Queued, Error: problem.New(1, "x", "y")})
	if w.Code != 202 || w.Header().Get("Location") != "/jobs/abc" || !json.Valid(w.Body.Bytes()) {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}

// TestWaitsAreShown: a job that waits for its turn at the admission says for what, also to who asks for its result.
func TestWaitsAreShown(t *testing.T) {
	var wait atomic.Pointer[Wait]
	end := make(chan struct{})
	b := open(t, vfs.NewMem(), nil, Kind{Name: "waiter", Run: func(_ context.Context, r *Run) error {
		r.Waiting(wait.Load)
		<-end
		return nil
	}}).run()
	do := surface(b)
	until := b.jobs.cfg.Now().Add(42 * time.Second).UTC().Truncate(time.Second)
	wait.Store(&Wait{Limit: "limits.cpu_seconds_per_minute", Value: 1, Text: "used up", Until: &until})
	id := b.start(ann, "waiter", "").ID
	b.await(id, Running)
	show := func() (v View, prob problem.Problem) {
		t.Helper()
		if err := json.Unmarshal(do("GET", "/jobs/"+id, "ann").Body.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		j, content, err := b.jobs.Open(ann, id)
		var p *problem.Problem
		if !errors.As(err, &p) {
			t.Fatalf("%v %v %v", j, content, err)
		}
		return v, *p
	}
	var v View
	var p problem.Problem
	for { // until the runner has told
		if v, p = show(); v.WaitsFor != nil {
			v, p = show()
			break
		}
		time.Sleep(time.Millisecond)
	}
	if v.State != Running || v.WaitsFor.Limit != "limits.cpu_seconds_per_minute" || v.WaitsFor.Value != 1 || v.WaitsFor.Text != "used up" || !v.WaitsFor.Until.Equal(until) {
		t.Errorf("%+v of %+v", v.WaitsFor, v)
	}
	if p.Code != "job_not_done" || !strings.Contains(p.Detail, "it waits for limits.cpu_seconds_per_minute (1), where room is expected at "+until.Format(time.RFC3339)) || p.RetryAfter <= time.Second || p.RetryAfter > 42*time.Second {
		t.Errorf("%+v", p)
	}
	wait.Store(nil)
	if v, p := show(); v.WaitsFor != nil || strings.Contains(p.Detail, "waits") || p.RetryAfter != time.Second {
		t.Errorf("it works: %+v, %+v", v, p)
	}
	wait.Store(&Wait{Limit: "limits.queries", Value: 2})
	close(end)
	b.await(id, Done)
	if j, err := b.jobs.Get(ann, id); err != nil || j.Waits != nil {
		t.Errorf("%+v %v", j.Waits, err)
	}
}
