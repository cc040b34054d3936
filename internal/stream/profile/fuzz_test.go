package profile

import (
	"slices"
	"testing"
)

// FuzzDecode reads values as a damaged store might hold them: an error is fine, anything else is not.
func FuzzDecode(f *testing.F) {
	c := change{sites: []string{"s1", "s2"}, left: leftOut{Values: 3, Examples: []string{"x"}}}
	c.sizes[4] = 77
	f.Add(c.appendHead(nil))
	f.Add(property{first: -5, last: 7, sites: 3, traits: 9, more: true, public: true}.append(nil))
	f.Add((&leftOut{Values: 3, Examples: []string{"x"}, Last: 7}).append(nil))
	f.Add(encodeRebuild(map[uint16]uint64{1: 5, 2: 9}))
	f.Add([]byte{valueVersion, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, v []byte) {
		var p profile
		if p.decodeHead(v) == nil {
			again := change{sites: p.sites, left: p.left, sizes: p.sizes}
			var q profile
			if err := q.decodeHead(again.appendHead(nil)); err != nil || q.sizes != p.sizes || q.left.Values != p.left.Values || len(q.sites) != len(p.sites) {
				t.Fatalf("%+v, %+v, %v", p.sites, q.sites, err)
			}
		}
		if q, err := decodeProperty(v); err == nil {
			if again, err := decodeProperty(q.append(nil)); err != nil || again != q {
				t.Fatalf("%+v, %+v, %v", q, again, err)
			}
		}
		var l, same leftOut
		if l.decode(v) == nil {
			if err := same.decode(l.append(nil)); err != nil || !slices.Equal(same.Examples, l.Examples) || same.Values != l.Values || same.Last != l.Last {
				t.Fatalf("%+v, %+v, %v", l, same, err)
			}
		}
		if _, err := decodeDay(v); err == nil && v[0] != valueVersion {
			t.Fatal("a day of an unknown version was read")
		}
		if upTo, err := decodeRebuild(v); err == nil && upTo != nil {
			if again, err := decodeRebuild(encodeRebuild(upTo)); err != nil || len(again) != len(upTo) {
				t.Fatalf("%v, %v, %v", upTo, again, err)
			}
		}
	})
}
