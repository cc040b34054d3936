package ingest

import (
	"strings"
	"testing"

	"weir/internal/catalog"
)

// The previous id of an identify is an id: one that is too long is refused, and where client ids are not kept it is not either.
func TestPreviousIDOfIdentify(t *testing.T) {
	identify := func(id string) string {
		return `{"site_id":"site-1","client_id":"c","events":[{"type":"identify","user_id":"u","previous_id":` + id + `,"plan":"pro"}]}`
	}
	r := newRig(t)
	r.do("POST", "/collect", identify(`"`+strings.Repeat("p", 1025)+`"`))
	if r.account.count["acme/site-1 id_too_long"] != 1 {
		t.Errorf("a long one: %v", r.account.count)
	}
	src := r.catalog.sources["site-1"]
	src.Privacy = &catalog.Privacy{Cookieless: true}
	r.catalog.sources["site-1"] = src
	r.do("POST", "/collect", identify(`"c"`))
	r.do("POST", "/collect", identify(`7`))
	rows := r.log.all()
	if len(rows) != 2 {
		t.Fatalf("stored %v, rejected %v", rows, r.account.count)
	}
	for _, row := range rows {
		if row["props.previous_id"] != nil || row["nums.previous_id"] != nil || row["client_id"] != nil || row["props.plan"] != "pro" || row["user_id"] != "u" {
			t.Errorf("without cookies: %v", row)
		}
	}
}
