package tables

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"weir/internal/audit"
	"weir/internal/catalog"
	"weir/internal/clickhouse"
	"weir/internal/lookup"
	"weir/internal/origin"
	"weir/internal/problem"
	"weir/internal/tenant"
	"weir/internal/usage"
)

// work is one upload or export on its way.
type work struct {
	who     tenant.Principal
	tenant  tenant.ID
	name    string
	begun   time.Time
	in      counter // bytes of the body
	entry   audit.Entry
	summary clickhouse.Summary
}

// serveOne serves PUT and GET of a table.
func (s *Tables) serveOne(w http.ResponseWriter, r *http.Request) {
	p, err := tenant.From(r.Context())
	if err != nil {
		problem.New(http.StatusUnauthorized, "unauthorized", "send a key").Write(w)
		return
	}
	o := origin.From(r.Context())
	x := &work{who: p, name: r.PathValue("name"), begun: s.now(), entry: audit.Entry{Tenant: p.Tenant, Actor: p.Actor(), Role: p.Role, Target: r.URL.Path, From: o.String(), Door: "api", Request: o.Request}}
	min := tenant.RoleAnalyst
	if x.entry.Action = "export-lookup"; r.Method == http.MethodPut {
		min, x.entry.Action = tenant.RoleAdmin, "put-lookup"
	}
	if x.tenant, err = s.may(p, r.PathValue("tenant"), min); err == nil {
		x.entry.Tenant = x.tenant
		defer usage.Label(r.Context(), usage.Control, x.tenant)()
	}
	w.Header().Set("Cache-Control", "no-store")
	if r.Method == http.MethodPut {
		s.servePut(w, r, x, err)
		return
	}
	s.serveGet(w, r, x, err)
}

// servePut answers an upload. What became of it is in the audit log before the caller knows.
func (s *Tables) servePut(w http.ResponseWriter, r *http.Request, x *work, err error) {
	var table lookup.Table
	created := false
	if err == nil {
		table, created, err = s.upload(r, x)
		s.tell(x, 0)
	}
	x.entry.Outcome = audit.OK
	outcome := "ok"
	var prob *problem.Problem
	if err != nil {
		if prob = s.asProblem(r.Context(), err); prob.Status >= 500 {
			outcome = "failed"
		} else {
			outcome = "refused"
		}
		x.entry.Outcome = prob.Code
	} else if text, merr := json.Marshal(viewOf(table)); merr == nil {
		x.entry.Text = audit.Cut(string(text))
	}
	s.metrics.uploads.WithLabelValues(outcome).Inc()
	if !s.recorded(w, r, x) {
		return
	}
	if prob != nil {
		prob.Write(w)
		return
	}
	s.metrics.rows.Add(float64(table.Rows))
	status := http.StatusOK
	if created {
		status = http.StatusCreated
		w.Header().Set("Location", r.URL.Path)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(viewOf(table)) // the client has gone if this fails
}

// recorded writes the audit entry, durably. If that fails the answer is withheld.
func (s *Tables) recorded(w http.ResponseWriter, r *http.Request, x *work) bool {
	if s.deps.Audit == nil {
		return true
	}
	err := s.deps.Audit.Append(context.WithoutCancel(r.Context()), x.entry)
	if err == nil {
		return true
	}
	s.log.Error("what was done with a lookup table could not be recorded in the audit log", "action", x.entry.Action, "outcome", x.entry.Outcome, "error", err)
	problem.New(http.StatusServiceUnavailable, "audit_unavailable",
		"the operation ended with %s, but it could not be recorded in the audit log, so its answer is withheld: look at what is there before you try again", x.entry.Outcome).WithRetry(time.Second).Write(w)
	return false
}

// tell tells of the work: the server's CPU is told by its label, the engine's by the statement's comment.
func (s *Tables) tell(x *work, out uint64) {
	if s.deps.Sink != nil {
		s.deps.Sink.Record(usage.Record{Subject: usage.Subject{Tenant: x.tenant, User: x.who.Actor(), Role: x.who.Role}, Kind: usage.KindControl, At: s.now(), CPU: x.summary.CPU,
			BytesIn: uint64(x.in.n), BytesOut: out, RowsRead: x.summary.Told().ReadRows, BytesScanned: x.summary.Told().ReadBytes, Count: 1})
	}
}

// asProblem says what an error means for the caller. What is nobody's fault but weir's is logged.
func (s *Tables) asProblem(ctx context.Context, err error) *problem.Problem {
	var p *problem.Problem
	var slow net.Error
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &slow) && slow.Timeout():
		return problem.New(http.StatusRequestTimeout, "body_timeout", "the body did not arrive in time: send it faster, or less (http.body_timeout)")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return problem.New(http.StatusBadRequest, "body_incomplete", "the body ended before its announced length: send it again whole")
	case errors.Is(err, context.Canceled), ctx.Err() != nil:
		return problem.New(499, "client_gone", "the client went away before the answer")
	}
	s.log.Error("a lookup table could not be stored or read", "error", err)
	return problem.New(http.StatusInternalServerError, "internal", "something went wrong inside weir; it is in the server's log. Try again")
}

// uploadWait is how long an upload waits for its turn.
const uploadWait = 10 * time.Second

// upload reads a table and stores it.
func (s *Tables) upload(r *http.Request, x *work) (lookup.Table, bool, error) {
	var none lookup.Table
	if !lookup.ValidName(x.name) {
		return none, false, malformedField("name", "%q is no name of a lookup table: it has %s", clip(x.name), lookup.NameRule)
	}
	if why := s.deps.Reserved(x.name); why != "" {
		return none, false, malformedField("name", "a lookup table cannot be called %s: %s", x.name, why)
	}
	o, err := options(r)
	if err != nil {
		return none, false, err
	}
	if !s.ready() {
		return none, false, unavailable()
	}
	if _, known := s.find(x.tenant, x.name); !known && len(s.Lookups(x.tenant)) >= s.limits.MaxTables {
		return none, false, problemOf(catalog.ErrFull, x.tenant, s.limits) // before the body is read
	}
	version, err := s.begin(x.tenant, x.name)
	if err != nil {
		return none, false, err
	}
	defer s.end(x.tenant)
	if _, known := s.deps.Catalog.TenantByID(x.tenant); !known { // behind begin: WaitIdle relies on it
		return none, false, unknownTenant(x.tenant)
	}
	release, err := s.place(r.Context())
	if err != nil {
		return none, false, err
	}
	defer release()
	most := bodyFactor * s.limits.MaxBytes
	x.in.r = &bounded{r: r.Body, left: most, limit: most} // also of what unpacks to nothing
	body, err := decompressed(r.Header.Get("Content-Encoding"), &x.in)
	if err != nil {
		return none, false, err
	}
	content, err := Decode(body, o, s.limits)
	if err != nil {
		return none, false, err
	}
	return s.put(r.Context(), x, lookup.Table{Tenant: x.tenant, Name: x.name, Version: version}, content)
}

// ready says whether the engine's table is there.
func (s *Tables) ready() bool {
	select {
	case <-s.deps.Ready:
		return true
	default:
		return false
	}
}

// place waits for one of the places in which uploads are read.
func (s *Tables) place(ctx context.Context) (release func(), err error) {
	t := time.NewTimer(uploadWait)
	defer t.Stop()
	select {
	case s.places <- struct{}{}:
		return func() { <-s.places }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-t.C:
		return nil, problem.New(http.StatusServiceUnavailable, "uploads_busy", "%d uploads of lookup tables are read already (lookups.uploads); try again", s.limits.Uploads).
			WithLimit("lookups.uploads", int64(s.limits.Uploads)).WithRetry(5 * time.Second)
	}
}

// decompressed undoes the body's encoding.
func decompressed(encoding string, body io.Reader) (io.Reader, error) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
		return body, nil
	case "gzip":
		z, err := gzip.NewReader(body)
		if err != nil {
			return nil, badGzip(err)
		}
		return unzipped{z}, nil
	}
	return nil, problem.New(http.StatusUnsupportedMediaType, "unsupported_encoding", "the content encoding %q is not known: send gzip, or none", clip(encoding)).WithField("Content-Encoding")
}

// unzipped says what is wrong with compressed data as the caller's fault.
type unzipped struct{ *gzip.Reader }

func (u unzipped) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = badGzip(err)
	}
	return n, err
}

func badGzip(err error) error {
	if errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || strings.HasPrefix(err.Error(), "flate:") {
		return malformed("the body is not valid gzip: %v", err)
	}
	return err
}

// counter counts what is read.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// options reads the parameters of an upload.
func options(r *http.Request) (Options, error) {
	o := Options{}
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return o, malformedField("query", "the query of the URL cannot be read: %v", err)
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch strings.ToLower(kind) {
	case "text/csv":
		o.Format = CSV
	case "text/tab-separated-values":
		o.Format, o.Delimiter = CSV, '\t'
	case "application/json", "application/x-ndjson", "application/ndjson", "application/jsonl":
		o.Format = NDJSON // or an array, which its first sign tells
	}
	for name, values := range q {
		if name == "format" || name == "delimiter" {
			if err := once(name, values); err != nil {
				return o, err
			}
		}
		switch value := values[len(values)-1]; name {
		case "format":
			if o.Format = Format(value); o.Format != CSV && o.Format != NDJSON && o.Format != JSON {
				return o, malformedField("format", "%q is none of csv, ndjson, json", clip(value))
			}
		case "delimiter":
			if o.Delimiter, err = delimiter(value); err != nil {
				return o, err
			}
		case "type":
			if o.Types, err = types(values); err != nil {
				return o, err
			}
		default:
			return o, problem.New(http.StatusUnprocessableEntity, "unknown_parameter", "parameter %s is not known: there are format, delimiter, type", clip(name)).WithField(clip(name))
		}
	}
	return o, nil
}

// once refuses a parameter that is given twice and takes one value.
func once(name string, values []string) error {
	if len(values) < 2 {
		return nil
	}
	return problem.New(http.StatusUnprocessableEntity, "duplicate_parameter", "parameter %s is given %d times, and one of them would count: give it once", name, len(values)).WithField(name)
}

func delimiter(s string) (rune, error) {
	for sign, name := range delimiterNames {
		if s == name {
			s = sign
		}
	}
	d, n := utf8.DecodeRuneInString(s)
	if n != len(s) || d == utf8.RuneError || d == '"' || d == '\r' || d == '\n' || d == '\ufeff' || d == 0 {
		return 0, malformedField("delimiter", "%q is no delimiter: give one sign that is no quote, or semicolon, or tab", clip(s))
	}
	return d, nil
}

// types reads column:type. The type has no colon, the column may.
func types(list []string) (map[string]string, error) {
	out := map[string]string{}
	for _, s := range list {
		i := strings.LastIndexByte(s, ':')
		if i < 1 {
			return nil, malformedField("type", "%q is not column:type, for example id:String", clip(s))
		}
		if _, twice := out[s[:i]]; twice {
			return nil, malformedField("type", "column %s has two types", clip(s[:i]))
		}
		out[s[:i]] = s[i+1:]
	}
	return out, nil
}
