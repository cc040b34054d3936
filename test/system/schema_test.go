//go:build system

package system

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"weir/internal/client"
	"weir/internal/problem"
	"weir/test/system/harness"
)

// TestNewProperty asks for a property with the token of its first event, before and after kill -9, reads the schema, and declares a common property.
func TestNewProperty(t *testing.T) {
	t.Parallel()
	srv := harness.StartT(t, harness.Config{})
	one, err := srv.NewTenant(t.Context(), "one")
	if err != nil {
		t.Fatal(err)
	}
	two, err := srv.NewTenant(t.Context(), "two")
	if err != nil {
		t.Fatal(err)
	}
	send := func(key, body string) string {
		t.Helper()
		res, err := srv.Client(key).Ingest(t.Context(), []byte(body), client.IngestOptions{})
		if err != nil || len(res.Rejected) > 0 {
			t.Fatalf("%+v, %v", res, err)
		}
		return res.Token
	}
	ask := func(key, sql, token string) string {
		t.Helper()
		res, err := srv.Client(key).QueryRows(t.Context(), client.QueryRequest{SQL: sql, MinToken: token})
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		return fmt.Sprint(res.Data)
	}
	for i := range 3 {
		name := fmt.Sprint("field", i)
		tok := send(one.WriteKey, `{"type":"x","props":{"`+name+`":7}}`)
		if got := ask(one.Analyst, "SELECT sum("+name+") AS n FROM events", tok); got != "[map[n:7]]" {
			t.Errorf("%s: %s", name, got)
		}
	}
	tok := send(two.WriteKey, `{"type":"x","props":{"field0":"text"}}`)
	if got := ask(two.Analyst, "SELECT field0 FROM events", tok); got != "[map[field0:text]]" {
		t.Errorf("the same name as text, of another tenant: %s", got)
	}
	if _, err := srv.Client(two.Analyst).QueryRows(t.Context(), client.QueryRequest{SQL: "SELECT field1 FROM events"}); err == nil {
		t.Error("a property of another tenant has a column")
	}
	groups := func() string { // reports read the maps that they must: one of texts only, until a number comes
		t.Helper()
		var report struct{ Data []map[string]any }
		path := "/api/v1/analytics/" + two.SiteID + "/report?metric=events&group_by=props.field0&totals=false"
		if err := srv.Client(two.Analyst).Do(t.Context(), http.MethodGet, path, nil, &report); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(report.Data)
	}
	if got := groups(); got != "[map[events:1 props.field0:text]]" {
		t.Errorf("a property of texts: %s", got)
	}
	tok = send(two.WriteKey, `[{"type":"x","props":{"field0":0.5}},{"type":"x","props":{"field0":0.5}}]`)
	if got := ask(two.Analyst, "SELECT count() AS n FROM events", tok); got != "[map[n:3]]" {
		t.Fatalf("%s events", got)
	}
	if got := groups(); got != "[map[events:2 props.field0:0.5] map[events:1 props.field0:text]]" {
		t.Errorf("a property of texts and numbers: %s", got)
	}
	var refused *problem.Problem
	err = srv.Client(two.Analyst).Do(t.Context(), http.MethodGet, "/api/v1/analytics/"+two.SiteID+"/report?group_by=props.feild0", nil, nil)
	if !errors.As(err, &refused) || refused.Status != http.StatusUnprocessableEntity || refused.Field != "group_by" || !strings.Contains(refused.Detail, "did you mean field0?") {
		t.Errorf("a property that no event has had: %v", err)
	}
	for misspelt, meant := range map[string]string{"report?groupby": "group_by", "events?curser": "cursor", "values?dimm": "dim", "sessions?segmnt": "segment", "retention?perids": "periods", "paths?direcion": "direction",
		"conversions?gaol": "goal", "health?form": "from", "visitors?vistor": "visitor", "people?idd": "id"} {
		_, name, _ := strings.Cut(misspelt, "?")
		err := srv.Client(two.Analyst).Do(t.Context(), http.MethodGet, "/api/v1/analytics/"+two.SiteID+"/"+misspelt+"=x", nil, nil)
		if !errors.As(err, &refused) || refused.Status != http.StatusUnprocessableEntity || refused.Code != "unknown_parameter" || refused.Field != name || !strings.Contains(refused.Detail, "did you mean "+meant+"?") {
			t.Errorf("a parameter that there is not, %s: %v", misspelt, err)
		}
	}
	admin := srv.Admin()
	if err := admin.Do(t.Context(), http.MethodPut, "/api/v1/properties", map[string]any{"properties": []map[string]string{{"name": "revenue", "kind": "float"}}}, nil); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time after kill -9
		if got := ask(two.Analyst, "SELECT DISTINCT revenue FROM events", ""); got != "[map[revenue:<nil>]]" {
			t.Errorf("a common property: %s", got)
		}
		if got := ask(one.Analyst, "SELECT sum(field2) AS n FROM events", ""); got != "[map[n:7]]" {
			t.Errorf("field2: %s", got)
		}
		var schema struct {
			Rows       int
			Properties []struct{ Name, Kind string }
		}
		if err := srv.Client(one.Analyst).Do(t.Context(), http.MethodGet, "/api/v1/schema", nil, &schema); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(schema); got != "{3 [{field0 int} {field1 int} {field2 int} {revenue float}]}" {
			t.Errorf("schema: %s", got)
		}
		if err := errors.Join(srv.Kill(), srv.Spawn(), srv.WaitReady(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
}

// TestForgottenProperty: a column that one text made text is a number again once it was taken out of the schema and numbers come, after kill -9 too, and no answer from before is given again. Whoever
// has no key takes no places of who has one.
func TestForgottenProperty(t *testing.T) {
	t.Parallel()
	srv := harness.StartT(t, harness.Config{})
	shop, err := srv.NewTenant(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	admin := srv.Client(shop.Admin)
	send := func(body string) string {
		t.Helper()
		res, err := srv.Client(shop.WriteKey).Ingest(t.Context(), []byte(body), client.IngestOptions{})
		if err != nil || len(res.Rejected) > 0 {
			t.Fatalf("%+v, %v", res, err)
		}
		return res.Token
	}
	ask := func(sql, token, want string) {
		t.Helper()
		for range 3 { // some of these from what was kept
			res, err := srv.Client(shop.Analyst).QueryRows(t.Context(), client.QueryRequest{SQL: sql, MinToken: token})
			got := fmt.Sprint(err)
			if err == nil {
				got = fmt.Sprint(res.Data)
			}
			if !strings.Contains(got, want) {
				t.Fatalf("%s: %s, want %s", sql, got, want)
			}
		}
	}
	const kind = "SELECT any(toTypeName(price)) AS kind, count(price) AS n FROM events"
	for cycle := range 3 {
		send(`[{"type":"buy","props":{"price":7}},{"type":"buy","ts":"` + time.Now().AddDate(0, 0, -9).UTC().Format(time.RFC3339) + `","props":{"price":8}}]`)
		ask(kind, send(`{"type":"buy","props":{"price":"free"}}`), "kind:Nullable(String)")
		send(`[{"type":"buy","props":{"price":"free"}},{"type":"buy","ts":"` + time.Now().AddDate(0, 0, -9).UTC().Format(time.RFC3339) + `","props":{"price":"free"}}]`) // nobody waits for these
		var gone struct{ Forgotten []struct{ Name, Kind string } }
		for tries := 0; ; tries++ {
			err := admin.Do(t.Context(), http.MethodDelete, "/api/v1/schema/properties?name=price", nil, &gone)
			var refused *problem.Problem
			if errors.As(err, &refused) && refused.Code == "not_visible_yet" && tries < 20 {
				continue
			}
			if err != nil || fmt.Sprint(gone) != "{[{price string}]}" {
				t.Fatalf("%v, %v", gone, err)
			}
			break
		}
		if cycle > 0 {
			if err := errors.Join(srv.Kill(), srv.Spawn(), srv.WaitReady(t.Context())); err != nil {
				t.Fatal(err)
			}
		}
		ask(kind, "", "there is no column or name price")
		ask("SELECT countIf(props['price'] = 'free') AS n FROM events", "", fmt.Sprintf("map[n:%d]", 3*(cycle+1)))
		ask(kind, send(`{"type":"buy","props":{"price":9}}`), fmt.Sprintf("map[kind:Nullable(Int64) n:%d]", 3*(cycle+1)))
		ask("SELECT max(price) AS n FROM events WHERE price > 8", "", "map[n:9]")
	}
	var audited struct {
		Entries []struct{ Action, Text string }
	}
	if err := admin.Do(t.Context(), http.MethodGet, "/api/v1/audit?action=forget-properties&outcome=ok", nil, &audited); err != nil || len(audited.Entries) != 3 || audited.Entries[0].Text != "name=price" {
		t.Errorf("in the audit log: %+v, %v", audited, err)
	}
	var junk strings.Builder
	for i := range 900 {
		fmt.Fprintf(&junk, `,"junk%d":1`, i)
	}
	for _, what := range []string{"a", "b", "c"} {
		res, err := http.Post(srv.URL+"/collect", "text/plain", strings.NewReader(`{"site_id":"`+shop.SiteID+`","client_id":"c","events":[{"type":"x","props":{"`+what+`":1`+strings.ReplaceAll(junk.String(), "junk", what)+`}}]}`))
		if err != nil || res.StatusCode != http.StatusNoContent {
			t.Fatalf("%v, %v", res, err)
		}
		res.Body.Close()
	}
	ask("SELECT sum(mine) AS n FROM events", send(`{"type":"buy","props":{"mine":5}}`), "map[n:5]")
	var schema struct {
		LeftOut struct {
			Values int
			Public struct{ Names, Values int }
		} `json:"left_out"`
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if err := admin.Do(t.Context(), http.MethodGet, "/api/v1/schema", nil, &schema); err != nil {
			t.Fatal(err)
		}
		if schema.LeftOut.Public.Values > 0 && schema.LeftOut.Public.Values+schema.LeftOut.Public.Names == 3*901 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if schema.LeftOut.Values != 0 || schema.LeftOut.Public.Names != 200 || schema.LeftOut.Public.Values != 3*901-200 {
		t.Errorf("%+v", schema)
	}
	ask("SELECT sum(c899) AS n FROM events", "", "read it as props['c899'], or props_num['c899'] of numbers")
}
