package dedupe

import (
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

func TestQuick(t *testing.T) {
	db, err := pebble.Open("db", &pebble.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(Config{DB: db, Dir: "runs", FS: vfs.NewMem(), Secret: Secret{1}})
	if err != nil {
		t.Fatal(err)
	}
	e := []Entry{{Key: s.Key(1, []byte("a"), []byte("x")), Received: 1e12}, {Key: s.Key(1, []byte("a"), []byte("x")), Received: 1e12}}
	v := make([]Verdict, 2)
	if err := s.Check(e, v); err != nil || v[0] != New || v[1] != Duplicate {
		t.Fatal(err, v)
	}
	b := db.NewBatch()
	st, err := s.Stage(b, e[:1], 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Commit(pebble.Sync); err != nil {
		t.Fatal(err)
	}
	s.Apply(st)
	s, err = Open(Config{DB: db, Dir: "runs", FS: vfs.NewMem(), Secret: Secret{1}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check(e, v); err != nil || v[0] != Duplicate || v[1] != Duplicate {
		t.Fatal(err, v)
	}
}
