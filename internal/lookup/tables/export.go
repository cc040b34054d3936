package tables

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"weir/internal/audit"
	"weir/internal/clickhouse"
	"weir/internal/lookup"
	"weir/internal/problem"
)

// exportFormats are the engine's formats of exports, with their content types.
var exportFormats = map[string][2]string{"csv": {"CSVWithNames", "text/csv; charset=utf-8"}, "ndjson": {"JSONEachRow", "application/x-ndjson"}}

// exportSettings make numbers of 64 bits numbers, and what is missing in CSV empty, as it was uploaded.
var exportSettings = map[string]string{"output_format_json_quote_64bit_integers": "0", "format_csv_null_representation": "", "max_execution_time": "60"}

// exportTime is how long an export may take, for a reader that does not read: the engine's own limit does not count while it waits for one. A seam of tests.
var exportTime = 65 * time.Second

// serveGet gives the rows of a table back, in their order. It is recorded before its first byte.
func (s *Tables) serveGet(w http.ResponseWriter, r *http.Request, x *work, err error) {
	var res *clickhouse.Result
	var release func()
	var contentType string
	if err == nil {
		res, release, contentType, err = s.export(r, x)
	}
	x.entry.Outcome = audit.OK
	var prob *problem.Problem
	if err != nil {
		prob = s.asProblem(r.Context(), err)
		x.entry.Outcome = prob.Code
	} else {
		defer release()
		defer res.Body.Close()
	}
	if !s.recorded(w, r, x) {
		return
	}
	if prob != nil {
		prob.Write(w)
		return
	}
	w.Header().Set("Content-Type", contentType)
	n, err := io.Copy(w, res.Body)
	x.summary = res.Summary()
	s.tell(x, uint64(n))
	if err != nil {
		panic(http.ErrAbortHandler) // nothing else tells the client that the answer is not whole
	}
}

// export starts the statement that reads a table. release must be called when its answer is closed.
func (s *Tables) export(r *http.Request, x *work) (res *clickhouse.Result, release func(), contentType string, err error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, nil, "", malformedField("query", "the query of the URL cannot be read: %v", err)
	}
	for name := range q {
		if name != "format" {
			return nil, nil, "", problem.New(http.StatusUnprocessableEntity, "unknown_parameter", "parameter %s is not known: there is format", clip(name)).WithField(clip(name))
		}
	}
	if err := once("format", q["format"]); err != nil {
		return nil, nil, "", err
	}
	name := q.Get("format")
	if name == "" {
		name = "csv"
	}
	f, ok := exportFormats[name]
	if !ok {
		return nil, nil, "", malformedField("format", "%q is neither csv nor ndjson", clip(name))
	}
	if !s.ready() {
		return nil, nil, "", unavailable()
	}
	table, release, err := s.pinned(x)
	if err != nil {
		return nil, nil, "", err
	}
	sql, err := selectSQL(table)
	var t *turn
	if err == nil {
		t, err = s.admit(r.Context(), x, table.Bytes)
	}
	if err != nil {
		release()
		return nil, nil, "", err
	}
	unpin := release // which is a result, too
	ctx, cancel := context.WithTimeout(r.Context(), exportTime)
	both := func() { cancel(); t.end(); unpin() }
	settings := maps.Clone(exportSettings)
	maps.Copy(settings, t.settings())
	if res, err = s.deps.Engine.Query(ctx, clickhouse.Statement{SQL: sql, Settings: settings, Format: f[0], Tenant: string(x.tenant), Comment: comment(x.tenant)}); err != nil {
		both()
		if errors.Is(err, clickhouse.ErrUnavailable) {
			err = unavailable()
		}
		return nil, nil, "", err
	}
	return res, both, f[1], nil
}

// pinned finds a table and keeps its rows.
func (s *Tables) pinned(x *work) (lookup.Table, func(), error) {
	for {
		table, ok := s.find(x.tenant, x.name)
		if !ok {
			return table, nil, unknownTable(x.name)
		}
		if release, ok := s.Pin([]lookup.Table{table}); ok {
			return table, release, nil
		}
	}
}

// selectSQL selects the columns of a table in the order of its rows.
func selectSQL(t lookup.Table) (string, error) {
	where, err := t.Condition("_l")
	if err != nil {
		return "", err
	}
	var cols []string
	for i, e := range t.Expressions("_l") {
		cols = append(cols, e+" AS `"+t.Columns[i].Name+"`") // CheckColumnName lets no ` through
	}
	return "SELECT " + strings.Join(cols, ", ") + " FROM weir." + lookup.EngineTable + " AS _l WHERE " + where + " ORDER BY _l._row", nil
}
