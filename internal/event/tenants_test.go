package event

import (
	"encoding/binary"
	"slices"
	"testing"
)

// A record that cannot be decoded still says whose rows it has, unless it is broken where that stands.
func TestRecordTenants(t *testing.T) {
	rowsOf := func(tenants ...string) (rows []Row) {
		for _, id := range tenants {
			rows = append(rows, Row{Tenant: id, Site: "s", Type: []byte("view"), EventID: []byte("e")})
		}
		return rows
	}
	many := make([]string, 300) // with a dictionary
	for i := range many {
		many[i] = []string{"a", "b"}[i%2]
	}
	for _, tc := range []struct {
		name string
		rows []Row
		want []string
	}{{"one row", rowsOf("a"), []string{"a"}}, {"two tenants", rowsOf("b", "a", "b"), []string{"b", "a"}}, {"many rows", rowsOf(many...), []string{"a", "b"}}} {
		rec := batchOf(tc.rows).AppendRecord(nil)
		binary.LittleEndian.PutUint32(rec[1:], ^binary.LittleEndian.Uint32(rec[1:]))
		if NewBatch().DecodeRecord(rec) == nil {
			t.Fatal("the record is decoded: the test shows nothing")
		}
		if got, ok := RecordTenants(rec); !ok || !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q, %v, want %q", tc.name, got, ok, tc.want)
		}
	}
	for name, rec := range map[string][]byte{"nothing": nil, "no record": []byte("no record at all"), "another format": {recordMark | 2, 0, 0, 0, 0, 1, 1, 1, 1},
		"no tenant": batchOf([]Row{{Site: "s"}}).AppendRecord(nil), "no row": batchOf(nil).AppendRecord(nil)} {
		if got, ok := RecordTenants(rec); ok {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func FuzzRecordTenants(f *testing.F) {
	f.Add(batchOf([]Row{{Tenant: "a"}, {Tenant: "b"}}).AppendRecord(nil))
	f.Add([]byte{recordMark | 1, 0, 0, 0, 0, 1, 1, 1, 1})
	f.Fuzz(func(t *testing.T, rec []byte) {
		tenants, ok := RecordTenants(rec)
		if ok == (len(tenants) == 0) {
			t.Errorf("%q, %v", tenants, ok)
		}
		b := NewBatch()
		if b.DecodeRecord(rec) != nil || b.Rows() == 0 || b.Rows() > 2000 {
			return
		}
		for i := range b.Rows() { // what can be decoded says the same
			if r := b.Row(i); ok && !slices.Contains(tenants, r.Tenant) {
				t.Errorf("row %d is of %q, said is %q", i, r.Tenant, tenants)
			}
		}
	})
}
