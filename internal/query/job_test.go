package query

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"weir/internal/audit"
	"weir/internal/catalog"
	"weir/internal/clickhouse"
	"weir/internal/origin"
	"weir/internal/problem"
	"weir/internal/tenant"
	"weir/internal/token"
	"weir/internal/usage"
)

// jobs notes what is started.
type jobs struct {
	title string
	input JobInput
	n     int
}

func (j *jobs) Start(_ context.Context, _ tenant.Principal, title string, in JobInput) (func(http.ResponseWriter), *problem.Problem) {
	j.n++
	j.title, j.input = title, in
	return func(w http.ResponseWriter) {
		w.Header().Set("Location", "/jobs/1")
		w.WriteHeader(http.StatusAccepted)
	}, nil
}

// jobRun is a job under way.
type jobRun struct {
	input    JobInput
	out      bytes.Buffer
	kind     string
	rows     uint64
	progress [][2]uint64
	full     error
	under    []byte
	waiting  func() *usage.Wait
}

func (j *jobRun) Who() tenant.Principal { return analyst }

func (j *jobRun) Input(v any) error {
	b, err := json.Marshal(j.input)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

func (j *jobRun) Result(contentType string) (io.Writer, error) {
	j.kind = contentType
	return j, nil
}

func (j *jobRun) Write(p []byte) (int, error) {
	if j.full != nil {
		return 0, j.full
	}
	return j.out.Write(p)
}

func (j *jobRun) Under(v any) (err error) {
	j.under, err = json.Marshal(v)
	return err
}

func (j *jobRun) Waiting(ask func() *usage.Wait) { j.waiting = ask }
func (j *jobRun) Rows(n uint64)                  { j.rows = n }
func (j *jobRun) Progress(done, of uint64)       { j.progress = append(j.progress, [2]uint64{done, of}) }

func TestAsync(t *testing.T) {
	j := &jobs{}
	e := &fakeEngine{body: "rows\n0\n"} // of EXPLAIN ESTIMATE; nothing else is run
	h := newHandler(t, Config{}, e)
	if p := problemIn(t, post(h, analyst, `{"sql":"SELECT 1","async":true}`)); p.Status != 422 || p.Field != "async" {
		t.Errorf("without jobs: %+v", p)
	}
	h.Jobs = j
	w := post(h, analyst, `{"sql":"SELECT 1","format":"CSV","params":{"a":1},"max_cost":5,"max_bytes":6,"async":true}`)
	if w.Code != 202 || w.Header().Get("Location") != "/jobs/1" || j.n != 1 || j.title != "SELECT 1" {
		t.Errorf("%d %s: %+v", w.Code, w.Body, j)
	}
	if in := j.input; in.SQL != "SELECT 1" || in.Format != "CSV" || in.Params["a"] != "1" || in.MaxCost != 5 || in.MaxBytes != 6 {
		t.Errorf("input %+v", in)
	}
	for prefer, later := range map[string]bool{
		"wait=1, Respond-Async": true, "respond-async;x=1": true, "handling=lenient, respond-async; wait=5": true, `respond-async ; x="a,b"; y`: true, `foo="a,\"b", respond-async`: true, `respond-async=""`: true,
		`foo="x, respond-async"`: false, "foo; respond-async": false, "respond-asynchronously": false, "respond-async=no": false, `foo="respond-async`: false, ",;": false,
	} {
		r := httptest.NewRequest(http.MethodPost, "/api/v1/query", strings.NewReader(`{"sql":"SELECT 1"}`))
		r.Header.Set("Prefer", prefer)
		if got := (&request{}).wantsJob(r); got != later {
			t.Errorf("Prefer: %s: a job %v", prefer, got)
		} else if later {
			rec := httptest.NewRecorder()
			before := j.n
			if h.ServeHTTP(rec, r.WithContext(tenant.With(r.Context(), analyst))); rec.Code != 202 || j.n != before+1 {
				t.Errorf("Prefer: %s: %d, %d jobs", prefer, rec.Code, j.n-before)
			}
		}
	}
	j.n = 2
	d := &desk{blocked: problem.New(429, "budget_spent", "spent")}
	blocked := newService(t, Config{}, d.deps(e))
	blocked.Jobs = &jobs{}
	if w := post(blocked, analyst, `{"sql":"SELECT 1","async":true}`); w.Code != 429 || blocked.Jobs.(*jobs).n != 0 {
		t.Errorf("a tenant that may not ask: %d %s", w.Code, w.Body)
	}
	// A name that nobody knows yet may be that of a property that the token's events bring.
	a := &arriving{}
	waits := newService(t, Config{}, Deps{Engine: e, Data: &data{}, Visibility: a, Properties: a})
	waits.Jobs = j
	tok := token.Token{{Partition: 0, Offset: 3}}.String()
	if w := post(waits, analyst, `{"sql":"SELECT new_field FROM events","async":true,"max_cost":1,"min_token":"`+tok+`"}`); w.Code != 202 || j.n != 3 {
		t.Errorf("with the token of a property's first event: %d %s", w.Code, w.Body)
	}
	if w := post(waits, analyst, `{"sql":"SELECT new_field FROM events","async":true}`); w.Code != 400 || j.n != 3 {
		t.Errorf("without: %d %s", w.Code, w.Body)
	}
	j.n = 2
	// What is refused is refused at once, and recorded: no job will be.
	records := &recorder{}
	h.deps.Audit = records
	if w := post(h, analyst, `{"sql":"SELECT sleep(1)","async":true}`); w.Code != 400 || j.n != 2 {
		t.Errorf("%d, %d jobs", w.Code, j.n)
	}
	if len(records.list) != 1 || records.list[0].Action != audit.Query || records.list[0].Outcome == audit.OK || records.list[0].Door != DoorJob || !strings.Contains(records.list[0].Text, "sleep") {
		t.Errorf("recorded %+v", records.list)
	}
	// It remembers who asked from where, behind a proxy too.
	r := httptest.NewRequest(http.MethodPost, "/api/v1/query", strings.NewReader(`{"sql":"SELECT 1","async":true}`))
	r.RemoteAddr = "127.0.0.1:5000"
	ctx := origin.With(tenant.With(r.Context(), analyst), origin.Origin{Addr: netip.MustParseAddr("192.0.2.7")})
	h.ServeHTTP(httptest.NewRecorder(), r.WithContext(ctx))
	if j.n != 3 || j.input.From != "192.0.2.7" {
		t.Errorf("%d jobs, the last from %s", j.n, j.input.From)
	}
}

// recorder keeps entries of the audit log.
type recorder struct {
	list     []audit.Entry
	gathered int // of them
}

func (r *recorder) Append(_ context.Context, e audit.Entry) error { r.Record(e); return nil }
func (r *recorder) Record(e audit.Entry)                          { r.list = append(r.list, e) }
func (r *recorder) Gather(e audit.Entry)                          { r.Record(e); r.gathered++ }

func TestRunJob(t *testing.T) {
	d, e := &desk{estimate: usage.Estimate{Rows: 100}}, &fakeEngine{body: engineJSON}
	s := newService(t, Config{}, d.deps(e))
	run := &jobRun{input: JobInput{SQL: "SELECT 1 AS n"}}
	if err := s.RunJob(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(run.out.Bytes(), &got); err != nil || got["cost"] == nil || got["as_of"] == nil || run.kind != "application/json" {
		t.Errorf("%s %s: %v", run.kind, run.out.String(), err)
	}
	if len(d.records) != 1 || d.records[0].Kind != usage.KindJob || d.asked[0].Kind != usage.KindJob || e.got[0].Settings["max_execution_time"] != "900" || !strings.HasPrefix(e.got[0].Comment, "job/") {
		t.Errorf("%+v", d.records)
	}
	if len(run.progress) != 2 || run.progress[0] != [2]uint64{0, 100} || run.progress[1] != [2]uint64{11, 11} {
		t.Errorf("progress %v", run.progress)
	}
	full := problem.New(413, "result_too_large", "no")
	for name, c := range map[string]struct {
		e    *fakeEngine
		full error
		want string
		// The limit that is named, with its value; empty: none.
		limit string
		value float64
	}{
		"refused":  {&fakeEngine{err: &clickhouse.Error{Code: 159}}, nil, "after 15m0s, the limit query.job_timeout;", "query.job_timeout", 900},
		"half-way": {&fakeEngine{body: "{", breakErr: &clickhouse.Error{Code: 241}}, nil, "query.memory", "query.memory", 2 << 30},
		"no room":  {&fakeEngine{body: engineJSON}, full, "no", "", 0},
	} {
		err := newService(t, Config{}, Deps{Engine: c.e}).RunJob(t.Context(), &jobRun{input: JobInput{SQL: "SELECT 1"}, full: c.full})
		var p *problem.Problem
		if !errors.As(err, &p) || !strings.Contains(p.Detail, c.want) || p.Limit != c.limit || p.LimitValue != c.value {
			t.Errorf("%s: %v, %+v", name, err, p)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errBoom)
	err := newService(t, Config{}, Deps{Engine: &fakeEngine{body: "{", breakErr: errBoom}}).RunJob(ctx, &jobRun{input: JobInput{SQL: "SELECT 1"}})
	if p, ok := err.(*problem.Problem); ok || !errors.Is(err, errBoom) {
		t.Errorf("ended: %v %v", p, err)
	}
}

// A result is for those who would see no less of it now.
func TestWhoMayReadAJobsResult(t *testing.T) {
	mask := func(column, action string, roles ...tenant.Role) catalog.Mask {
		return catalog.Mask{Column: column, Action: action, Roles: roles}
	}
	service := func(masks ...catalog.Mask) *Handler {
		return newService(t, Config{}, Deps{Engine: &fakeEngine{body: engineJSON}, Tenants: tenantsOf{t: catalog.Tenant{ID: "acme", Policy: catalog.Policy{Masks: masks}}}})
	}
	made := func(masks ...catalog.Mask) []byte {
		run := &jobRun{input: JobInput{SQL: "SELECT 1 AS n"}}
		if err := service(masks...).RunJob(t.Context(), run); err != nil || len(run.under) == 0 {
			t.Fatalf("%s: %v", run.under, err)
		}
		return run.under
	}
	as := func(r tenant.Role) tenant.Principal {
		return tenant.Principal{Tenant: "acme", Role: r, KeyID: "k_1"}
	}
	const viewer, analyst, admin, operator = tenant.RoleViewer, tenant.RoleAnalyst, tenant.RoleAdmin, tenant.RoleOperator
	hidden, hashed := mask("email", catalog.MaskHide, analyst), mask("email", catalog.MaskHash, analyst)
	path := mask("path", catalog.MaskHide, analyst)
	pathProperty := path
	pathProperty.Property = true
	for name, c := range map[string]struct {
		under     []byte
		made, who tenant.Role
		now       []catalog.Mask
		want      string
	}{
		"as it was":                        {made(), analyst, analyst, nil, ""},
		"a lower role":                     {made(), analyst, viewer, nil, "role_lowered"},
		"a lower role that may ask":        {made(), admin, analyst, nil, "role_lowered"},
		"a lower role, masked":             {made(), analyst, viewer, []catalog.Mask{mask("email", catalog.MaskHide, viewer)}, "role_lowered"},
		"an admin":                         {made(hidden), analyst, admin, []catalog.Mask{hidden}, ""},
		"an operator's, for its admins":    {made(), operator, admin, nil, ""},
		"an operator's, for others":        {made(), operator, analyst, nil, "role_lowered"},
		"masked since":                     {made(), analyst, analyst, []catalog.Mask{hidden}, "masks_changed"},
		"masked since for viewers":         {made(), analyst, analyst, []catalog.Mask{mask("email", catalog.MaskHide, viewer)}, ""},
		"masked since, but not for admins": {made(), analyst, admin, []catalog.Mask{hidden}, ""},
		"masked then":                      {made(hidden), analyst, analyst, []catalog.Mask{hidden}, ""},
		"another since":                    {made(mask("city", catalog.MaskHide, analyst)), analyst, analyst, []catalog.Mask{hidden}, "masks_changed"},
		"hidden since, hashed then":        {made(hashed), analyst, analyst, []catalog.Mask{hidden}, "masks_changed"},
		"hashed since, hidden then":        {made(hidden), analyst, analyst, []catalog.Mask{hashed}, ""},
		"shown since":                      {made(hidden), analyst, analyst, nil, ""},
		"the property since, all then":     {made(path), analyst, analyst, []catalog.Mask{pathProperty}, ""},
		"all since, the property then":     {made(pathProperty), analyst, analyst, []catalog.Mask{path}, "masks_changed"},
		"the property since":               {made(), analyst, analyst, []catalog.Mask{pathProperty}, "masks_changed"},
		"of before this was noted":         {nil, analyst, analyst, nil, ""},
		"of before, masked now":            {nil, analyst, analyst, []catalog.Mask{hidden}, "masks_changed"},
		"of before, a lower role":          {nil, analyst, viewer, nil, "role_lowered"},
	} {
		code := ""
		if p := service(c.now...).MayRead(as(c.who), as(c.made), c.under); p != nil {
			code = p.Code
			if p.Status != 403 || !strings.Contains(p.Detail, "run the query again") {
				t.Errorf("%s: %+v", name, p)
			}
		}
		if code != c.want {
			t.Errorf("%s: %q, want %q", name, code, c.want)
		}
	}
}

// waitingGate tells what it makes wait.
type waitingGate struct{ usage.Gate }

func (waitingGate) Admit(q usage.Question, _ <-chan struct{}) (usage.Ticket, *problem.Problem) {
	q.Waiting(func() *usage.Wait { return &usage.Wait{Limit: "limits.queries", Value: 3} })
	return nil, problem.New(499, "client_gone", "test")
}

func (waitingGate) Estimate(usage.Question) usage.Estimate { return usage.Estimate{} }

// TestJobLearnsWhatItWaitsFor: what the admission tells of a wait comes to the job.
func TestJobLearnsWhatItWaitsFor(t *testing.T) {
	s := newService(t, Config{}, Deps{Engine: &fakeEngine{body: engineJSON}, Gate: waitingGate{}})
	run := &jobRun{input: JobInput{SQL: "SELECT 1 AS n"}}
	if err := s.RunJob(t.Context(), run); err == nil || run.waiting == nil {
		t.Fatalf("%v, %v", err, run.waiting == nil)
	}
	if w := run.waiting(); w.Limit != "limits.queries" || w.Value != 3 {
		t.Errorf("%+v", w)
	}
}
