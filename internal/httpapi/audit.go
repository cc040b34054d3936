package httpapi

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"weir/internal/audit"
	"weir/internal/origin"
	"weir/internal/problem"
	"weir/internal/tenant"
)

// AuditLog is where what happens is recorded, and can be read.
type AuditLog interface {
	audit.Recorder
	List(ctx context.Context, q audit.Question) (audit.Page, error)
	// Verify reads the whole log. A kept head with Seq 0 is none.
	Verify(ctx context.Context, kept audit.Head) (audit.Verdict, error)
	Head() audit.Head
}

// audited runs an operation and records it: what changes something durably before the answer, what takes data out before its first byte; reports gathered
// by the minute.
func (a *API) audited(ctx lenient, p tenant.Principal, next func(huma.Context)) {
	op := ctx.Operation()
	r, w := humago.Unwrap(ctx)
	switch {
	case asks(op):
		seen := &refused{body: head{left: audit.MaxText}}
		why := a.ask(ctx, p, seen.by(next))
		if a.cfg.Audit == nil {
			return
		}
		e := a.reportEntry(ctx, r, p, seen)
		if why != nil {
			e.Outcome = why.Code
		}
		a.cfg.Audit.Gather(e)
	case a.cfg.Audit == nil:
		next(ctx)
	case strings.HasPrefix(op.Path, "/api/v1/analytics/") && !changes(op):
		seen := &refused{body: head{left: audit.MaxText}}
		seen.by(next)(ctx)
		a.cfg.Audit.Gather(a.reportEntry(ctx, r, p, seen))
	case takesOut(op):
		a.recordedOut(ctx.Context(), w, p, a.operationEntry(ctx, r, p), func(ctx context.Context, w http.ResponseWriter) {
			next(lenient{humago.NewContext(op, r.WithContext(ctx), w)})
		})
	case op.Method != http.MethodGet && !strings.HasPrefix(op.Path, "/api/v1/imports"): // the import ledger is kept by events themselves
		a.recordedChange(ctx, r, w, p, next)
	default:
		next(ctx)
	}
}

// changes says whether an operation about a site changes something: one that is no question, or says so in its metadata.
func changes(op *huma.Operation) bool {
	return op.Metadata["audit"] == "change" || op.Method != http.MethodGet && op.Method != http.MethodPost
}

// takesOut says whether an operation takes data out of the installation, in a stream that cannot be held back.
func takesOut(op *huma.Operation) bool {
	return strings.Contains(op.OperationID, "export") || op.OperationID == "get-job-result"
}

// recordedChange runs an operation that changes something, and answers when it is recorded.
func (a *API) recordedChange(ctx lenient, r *http.Request, w http.ResponseWriter, p tenant.Principal, next func(huma.Context)) {
	body := &head{left: audit.MaxText}
	if r.Body != nil {
		r.Body = teeBody{io.TeeReader(r.Body, body), r.Body}
	}
	h := &held{lenient: ctx, status: http.StatusOK}
	returned := false
	defer func() {
		if !returned { // it panics, and may have changed something
			e := a.operationEntry(ctx, r, p)
			e.Text, e.Outcome = withoutSecrets(body), "internal"
			a.cfg.Audit.Record(e)
		}
	}()
	next(h)
	returned = true
	e := a.operationEntry(ctx, r, p)
	e.Text = withoutSecrets(body)
	if r.Method == http.MethodDelete && r.URL.RawQuery != "" { // it says what of the target is deleted
		e.Text = audit.Cut(r.URL.RawQuery)
	}
	if at := w.Header().Get("Location"); at != "" && h.status == http.StatusCreated {
		e.Target = at
		if e.Action == createTenant { // its text, with the tenant's name, goes with the tenant
			e.Tenant = tenant.ID(path.Base(at))
		}
	}
	if successor := w.Header().Get("Location"); successor != "" && strings.HasPrefix(e.Action, "rotate-") {
		e.Target = path.Dir(r.URL.Path) + " replaced by " + path.Base(successor)
	}
	if h.status >= 400 {
		e.Outcome = outcomeOf(h.status, h.body.Bytes())
	}
	if err := a.cfg.Audit.Append(ctx.Context(), e); err != nil {
		a.log.Error("an operation took place and could not be recorded in the audit log", "operation", e.Action, "status", h.status, "error", err)
		w.Header().Del("Location")
		problem.New(http.StatusServiceUnavailable, "audit_unavailable",
			"the operation ended with status %d, but it could not be recorded in the audit log, so its answer is withheld: look at what is there before you try again", h.status).WithRetry(time.Second).Write(w)
		return
	}
	h.release()
}

func (a *API) reportEntry(ctx huma.Context, r *http.Request, p tenant.Principal, seen *refused) audit.Entry {
	_, w := humago.Unwrap(ctx)
	e := audit.Entry{Tenant: a.siteTenant(ctx, p), Actor: p.Actor(), Role: p.Role, Action: audit.Report, Target: r.URL.Path, From: origin.From(r.Context()).String(), Door: "api", Outcome: audit.OK}
	if s := ctx.Status(); s >= 400 {
		e.Outcome = outcomeOf(s, seen.body.Bytes())
	}
	var c audit.Cost // the header's JSON has the same names, and more
	if json.Unmarshal([]byte(w.Header().Get("X-Weir-Cost")), &c) == nil {
		e.Cost = &c
	}
	return e
}

// siteTenant is whose entry a request about a site is: the caller's tenant; that of the site when an operator acts for none, so that the tenant sees it
// and its text goes with the tenant.
func (a *API) siteTenant(ctx huma.Context, p tenant.Principal) tenant.ID {
	if p.Role != tenant.RoleOperator || p.Tenant != "" {
		return p.Tenant
	}
	src, _, _ := a.cfg.Catalog.SourceBySite(ctx.Param("site_id"))
	return src.Tenant
}

// The operations that create and delete a tenant.
const (
	createTenant = "create-tenant"
	deleteTenant = "delete-tenant"
)

// operationEntry is what is recorded of an operation whatever comes of it.
func (a *API) operationEntry(ctx huma.Context, r *http.Request, p tenant.Principal) audit.Entry {
	o := origin.From(r.Context())
	e := audit.Entry{Tenant: a.siteTenant(ctx, p), Actor: p.Actor(), Role: p.Role, Action: ctx.Operation().OperationID, Target: r.URL.Path,
		From: o.String(), Door: "api", Outcome: audit.OK, Request: o.Request}
	// That a tenant was deleted, and by whom, is the operators': it must not go with the tenant. Target names it.
	named := ctx.Param("tenant")
	switch {
	case p.Role != tenant.RoleOperator || named == "":
	case ctx.Operation().OperationID == deleteTenant:
		e.Tenant = "" // whatever tenant the operator acts for
	default:
		e.Tenant = tenant.ID(named)
		if _, err := tenant.Parse(named); err != nil {
			e.Tenant = ""
		}
	}
	return e
}

// outcomeOf is the outcome of an answer that is a problem.
func outcomeOf(status int, body []byte) string {
	var p problem.Problem
	if json.Unmarshal(body, &p) == nil && p.Code != "" {
		return p.Code
	}
	return "status_" + strconv.Itoa(status)
}

// refused keeps the beginning of an answer that is a problem.
type refused struct {
	lenient
	body head
}

// by is next with r in between.
func (r *refused) by(next func(huma.Context)) func(huma.Context) {
	return func(ctx huma.Context) {
		r.lenient = lenient{ctx}
		next(r)
	}
}

func (r *refused) BodyWriter() io.Writer {
	if r.Status() < 400 {
		return r.lenient.BodyWriter()
	}
	return io.MultiWriter(r.lenient.BodyWriter(), &r.body)
}

// held keeps an answer back until it is released.
type held struct {
	lenient
	status int
	body   bytes.Buffer
}

func (h *held) SetStatus(code int)    { h.status = code }
func (h *held) Status() int           { return h.status }
func (h *held) BodyWriter() io.Writer { return &h.body }

func (h *held) release() {
	h.lenient.SetStatus(h.status)
	if h.body.Len() > 0 {
		_, _ = h.lenient.BodyWriter().Write(h.body.Bytes()) // the client has gone if this fails
	}
}

// head keeps the beginning of what is written to it.
type head struct {
	bytes.Buffer
	left int
	cut  bool
}

func (h *head) Write(p []byte) (int, error) {
	n := min(len(p), h.left)
	h.left -= n
	h.cut = h.cut || n < len(p)
	h.Buffer.Write(p[:n])
	return len(p), nil
}

type teeBody struct {
	io.Reader
	io.Closer
}

// secretFields are fields of bodies whose values are not recorded.
var secretFields = map[string]bool{"password": true, "secret": true, "token": true, "key": true, "client_secret": true, "webhook": true, "data": true}

// withoutSecrets is a body as it is recorded. What is not whole JSON is not recorded: it could hold anything.
func withoutSecrets(body *head) string {
	var v any
	d := json.NewDecoder(bytes.NewReader(body.Bytes()))
	d.UseNumber()
	if body.cut || d.Decode(&v) != nil {
		if body.Len() == 0 {
			return ""
		}
		return "(a body that is not recorded)"
	}
	text, err := json.Marshal(masked("", v))
	if err != nil {
		return ""
	}
	return string(text)
}

// masked replaces what lies in a field with a secret name, however deep.
func masked(name string, v any) any {
	switch x := v.(type) {
	case map[string]any:
		for k := range x {
			inner := name
			if !secretFields[name] {
				inner = strings.ToLower(k)
			}
			x[k] = masked(inner, x[k])
		}
	case []any:
		for i := range x {
			x[i] = masked(name, x[i])
		}
	default:
		if secretFields[name] && v != nil && v != "" {
			if u, err := url.Parse(asText(v)); err == nil && name == "webhook" && u.Host != "" {
				return u.Scheme + "://" + u.Host + "/***"
			}
			return "***"
		}
	}
	return v
}

func asText(v any) string {
	s, _ := v.(string)
	return s
}

// AuditFilter selects entries.
type AuditFilter struct {
	From    string `query:"from" example:"24h" doc:"Start: a time (RFC 3339), or a length such as 1h or 7d back from to"`
	To      string `query:"to" doc:"End, exclusive: a time (RFC 3339), now, or a length back from now"`
	Actor   string `query:"actor" maxLength:"500" example:"local:u_ABC" doc:"Who: key:<id>, local:<user>, oidc:<subject>"`
	Action  string `query:"action" maxLength:"100" doc:"sign-in, query, report, export, or an operation's name such as create-key"`
	Outcome string `query:"outcome" maxLength:"100" doc:"ok, failed (anything else), or the code of a problem"`
	Target  string `query:"target" maxLength:"500" doc:"What it was done to, by its beginning"`
}

func (f AuditFilter) question(p tenant.Principal, now time.Time) (audit.Question, error) {
	to, err := timeBack("to", f.To, time.Time{}, now, now)
	if err != nil {
		return audit.Question{}, err
	}
	base := to
	if to.IsZero() {
		base = now
	}
	from, err := timeBack("from", f.From, time.Time{}, base, now)
	if err != nil {
		return audit.Question{}, err
	}
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		return audit.Question{}, invalid("from", "%s is not before to, %s; exchange them if they are the wrong way round", from.Format(time.RFC3339), to.Format(time.RFC3339))
	}
	return audit.Question{Tenant: p.Tenant, All: p.Tenant == "", From: from, To: to, Actor: f.Actor, Action: f.Action, Outcome: f.Outcome, Target: f.Target}, nil
}

type auditInput struct {
	AuditFilter
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	Before uint64 `query:"before" doc:"The next of the page before"`
}

type auditOutput struct {
	Body struct {
		Entries []audit.Entry `json:"entries" doc:"The newest first"`
		Next    uint64        `json:"next,omitempty" doc:"Ask with before=<next> for older ones; absent when there are none. A page may be empty although there is a next one."`
	}
}

type exportAuditInput struct {
	AuditFilter
	Format string `query:"format" enum:"ndjson,csv" default:"ndjson"`
}

type verifyInput struct {
	Body *struct {
		Head *audit.Head `json:"head,omitempty" doc:"An end of the log that was kept elsewhere: it must still be part of it"`
	}
}

type verdictOutput struct{ Body audit.Verdict }

type headOutput struct{ Body audit.Head }

func (a *API) registerAudit() {
	if a.cfg.Audit == nil {
		return
	}
	tags := []string{"Audit log (tenant admin)"}
	const path = "/api/v1/audit"
	const who = "A tenant's admin reads the tenant's entries. The operator reads all, or those of the tenant that the header " + tenant.Header + " names."
	huma.Register(a.huma, huma.Operation{OperationID: "audit", Method: http.MethodGet, Path: path, Tags: tags,
		Summary: "Who did what", Description: who, Errors: []int{401, 403}}, a.listAudit)
	huma.Register(a.huma, huma.Operation{OperationID: "export-audit", Method: http.MethodGet, Path: path + "/export", Tags: tags,
		Summary: "All that matches, as NDJSON or CSV", Description: who, Errors: []int{401, 403}}, a.exportAudit)
	tags = []string{"Audit log (operator)"}
	huma.Register(a.huma, huma.Operation{OperationID: "verify-audit", Method: http.MethodPost, Path: path + "/verify", Tags: tags,
		Summary: "Find a changed, missing or moved entry", Description: "Reads the whole log.", Errors: []int{401, 403}}, a.verifyAudit)
	huma.Register(a.huma, huma.Operation{OperationID: "audit-head", Method: http.MethodGet, Path: path + "/head", Tags: tags,
		Summary: "The end of the log", Description: "Keep it elsewhere: a later verification can be held against it.", Errors: []int{401, 403}},
		func(ctx context.Context, _ *struct{}) (*headOutput, error) {
			if _, err := principal(ctx, tenant.RoleOperator); err != nil {
				return nil, err
			}
			return &headOutput{a.cfg.Audit.Head()}, nil
		})
}

func (a *API) listAudit(ctx context.Context, in *auditInput) (*auditOutput, error) {
	p, err := principal(ctx, tenant.RoleAdmin)
	if err != nil {
		return nil, err
	}
	q, err := in.question(p, a.cfg.Now())
	if err != nil {
		return nil, err
	}
	q.Limit, q.Before = in.Limit, in.Before
	page, err := a.cfg.Audit.List(ctx, q)
	if err != nil {
		return nil, a.auditError(err)
	}
	out := &auditOutput{}
	out.Body.Entries, out.Body.Next = page.Entries, page.Next
	return out, nil
}

// auditError says of a log whose files are damaged who can do what about it.
func (a *API) auditError(err error) error {
	if !errors.Is(err, audit.ErrDamaged) {
		return err
	}
	a.log.Error("the audit log could not be read", "error", err)
	return problem.New(http.StatusInternalServerError, "audit_damaged",
		"the files of the audit log are damaged where this would read; trying again does not help. The operator finds out where with `weir audit verify`, and restores the log from a backup. What is newer than the damage can be read: choose a later from")
}

func (a *API) verifyAudit(ctx context.Context, in *verifyInput) (*verdictOutput, error) {
	if _, err := principal(ctx, tenant.RoleOperator); err != nil {
		return nil, err
	}
	var kept audit.Head
	if in.Body != nil && in.Body.Head != nil {
		kept = *in.Body.Head
	}
	v, err := a.cfg.Audit.Verify(ctx, kept)
	if err != nil {
		return nil, a.auditError(err)
	}
	return &verdictOutput{v}, nil
}

// exportAudit streams; audited records it before its first byte.
func (a *API) exportAudit(ctx context.Context, in *exportAuditInput) (*huma.StreamResponse, error) {
	p, err := principal(ctx, tenant.RoleAdmin)
	if err != nil {
		return nil, err
	}
	q, err := in.question(p, a.cfg.Now())
	if err != nil {
		return nil, err
	}
	first, err := a.cfg.Audit.List(ctx, q)
	if err != nil {
		return nil, a.auditError(err)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		_, w := humago.Unwrap(hc)
		var write func(audit.Entry) error
		if in.Format == "csv" {
			w.Header().Set("Content-Type", "text/csv; charset=utf-8")
			c := csv.NewWriter(w)
			defer c.Flush()
			_ = c.Write(auditColumns)
			write = func(e audit.Entry) error { return c.Write(auditRow(e)) }
		} else {
			w.Header().Set("Content-Type", "application/x-ndjson")
			lines := json.NewEncoder(w)
			write = func(e audit.Entry) error { return lines.Encode(e) }
		}
		for page := first; ; {
			for _, e := range page.Entries {
				if write(e) != nil {
					return // the client has gone
				}
			}
			if q.Before = page.Next; q.Before == 0 {
				return
			}
			var err error
			if page, err = a.cfg.Audit.List(ctx, q); err != nil {
				_ = a.auditError(err)       // logs
				panic(http.ErrAbortHandler) // nothing else tells the client that the answer is not whole
			}
		}
	}}, nil
}

var auditColumns = []string{"seq", "at", "tenant", "actor", "role", "action", "target", "text", "from", "door", "outcome", "request", "count", "amount", "currency", "cpu_seconds", "erased"}

func auditRow(e audit.Entry) []string {
	c := audit.Cost{}
	if e.Cost != nil {
		c = *e.Cost
	}
	float := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	row := []string{strconv.FormatUint(e.Seq, 10), e.At.Format(time.RFC3339Nano), string(e.Tenant), e.Actor, string(e.Role), e.Action, e.Target, e.Text, e.From, e.Door, e.Outcome,
		e.Request, strconv.FormatUint(e.Count, 10), float(c.Amount), c.Currency, float(c.CPUSeconds), strconv.FormatBool(e.Erased)}
	for i, s := range row {
		if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) { // a spreadsheet would run it
			row[i] = "'" + s
		}
	}
	return row
}
