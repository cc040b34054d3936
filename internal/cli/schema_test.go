package cli

import (
	"context"
	"strings"
	"testing"
	"time"

	"weir/internal/event"
	"weir/internal/httpapi"
	"weir/internal/tenant"
)

// schemas is the schema of the tenant acme, as the API shows it and takes properties out of it.
type schemas struct{ acme httpapi.TenantSchema }

func newSchemas() *schemas {
	first, last := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), time.Date(2026, 1, 9, 0, 0, 0, 0, time.UTC)
	named := func(name string, kind event.PropertyKind, q httpapi.SchemaProperty) httpapi.SchemaProperty {
		q.Property, q.First, q.Last = event.Property{Name: name, Kind: kind}, first, last
		return q
	}
	return &schemas{httpapi.TenantSchema{MaxNames: 2000, LeftOut: 3, Examples: []string{"junk\x1b[31m", "more"}, Complete: true,
		Public: httpapi.PublicNames{Names: 1, MaxNames: 1000, Hourly: 200, LeftOut: 7, Examples: []string{"utm_x"}, Last: last},
		Properties: []httpapi.SchemaProperty{
			named("path", event.PropString, httpapi.SchemaProperty{Sources: []string{"s1", "s2", "s3", "s4", "s5"}}),
			named("price", event.PropFloat, httpapi.SchemaProperty{Column: true, Sources: []string{"s1"}}),
			named("stray", event.PropInt, httpapi.SchemaProperty{Column: true, Public: true, OnlyNull: true, Sources: []string{"s1", "s2", "s3", "s4"}, MoreSources: true}),
			{Property: event.Property{Name: "revenue", Kind: event.PropFloat}, Column: true, Common: true},
		}}}
}

func (s *schemas) Schema(_ context.Context, id tenant.ID) (httpapi.TenantSchema, error) {
	if id != "acme" {
		return httpapi.TenantSchema{}, nil // a new tenant after an update
	}
	return s.acme, nil
}

func (s *schemas) ForgetProperties(_ context.Context, id tenant.ID, names []string, public bool) (gone []event.Property, err error) {
	if id != "acme" {
		return nil, nil
	}
	kept := s.acme.Properties[:0:0]
	for _, q := range s.acme.Properties {
		if strings.Contains("|"+strings.Join(names, "|")+"|", "|"+q.Name+"|") || public && q.Public {
			gone = append(gone, q.Property)
			continue
		}
		kept = append(kept, q)
	}
	s.acme.Properties = kept
	return gone, nil
}

func (*schemas) CommonProperties(context.Context) ([]event.Property, error) { return nil, nil }

func (*schemas) SetCommonProperties(context.Context, []event.Property) error { return nil }

// Who has a key acts for its tenant; a viewer lists the properties and takes none out.
func TestSchemaByRole(t *testing.T) {
	url := server(t, nil)
	operatorSays := func(line string) string {
		t.Helper()
		code, out, errs := weir(t, "", append(strings.Fields(line), "--server", url, "--key", operator)...)
		if code != 0 {
			t.Fatalf("%s: %s", line, errs)
		}
		return out
	}
	operatorSays("tenant create acme")
	key := func(role string) string {
		t.Helper()
		key := keys.FindString(operatorSays("key create acme --role " + role))
		if key == "" {
			t.Fatalf("no key of a %s", role)
		}
		return key
	}
	viewer, admin := key("viewer"), key("admin")
	for _, tc := range []struct {
		line, key string
		code      int
		want      string
	}{
		{"list", viewer, 0, "price"},
		{"list --format json", viewer, 0, `"sql": "props['path']"`},
		{"remove price", viewer, 1, "403"},
		{"remove price --public", admin, 0, "stray"},
		{"remove price", admin, 1, "no property \"price\""},
	} {
		code, out, errs := weir(t, "", append(strings.Fields("schema "+tc.line), "--server", url, "--key", tc.key)...)
		if code != tc.code || !strings.Contains(out+errs, tc.want) {
			t.Errorf("schema %s: %d\n%s%s", tc.line, code, out, errs)
		}
	}
}
