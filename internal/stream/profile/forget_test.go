package profile

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"weir/internal/event"
)

func number1(name string) event.Row {
	return event.Row{Tenant: "a", Site: "one", ReceivedAt: someHour, Nums: []event.Num{{Key: []byte(name), Value: 1}}}
}

func text1(name string) event.Row {
	return event.Row{Tenant: "a", Site: "one", ReceivedAt: someHour, Props: props(name)}
}

// TestForgetNames: a name that was forgotten is no column, and comes back with the kind of what is sent then, again and again and across restarts. What rows have of it still is not denied.
func TestForgetNames(t *testing.T) {
	fs := vfs.NewMem()
	s, db := open(t, fs)
	defer func() { db.Close() }()
	var o Observer
	restart := func() {
		t.Helper()
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		s, db = open(t, fs)
		o = Observer{}
	}
	kinds := func(want string) {
		t.Helper()
		for range 2 {
			list, _ := s.Properties("a")
			if got := fmt.Sprint(list); got != want {
				t.Fatalf("%s, want %s", got, want)
			}
			restart()
		}
	}
	forget := func(want string, public bool, names ...string) {
		t.Helper()
		_, before := s.Properties("a")
		got, err := s.ForgetNames("a", names, public)
		_, after := s.Properties("a")
		if err != nil || fmt.Sprint(got) != want || (after == before) != (len(got) == 0) {
			t.Fatalf("%v, %v, want %s; the list's version was %d and is %d", got, err, want, before, after)
		}
	}
	commit(t, s, db, &o, []event.Row{number1("value"), text1("plan"), {Tenant: "ab", Props: props("value")}})
	commit(t, s, db, &o, []event.Row{text1("value")})
	kinds("[{plan string} {value string}]")
	forget("[{value string}]", false, "value", "value", "nothing")
	kinds("[{plan string}]")
	commit(t, s, db, &o, []event.Row{number1("value")})
	kinds("[{plan string} {value int}]")
	if k := s.Schema("a").Properties[1]; k.Traits != event.TraitInt {
		t.Errorf("%+v", k)
	}
	for range 3 {
		commit(t, s, db, &o, []event.Row{text1("value")})
		forget("[{plan string} {value string}]", false, "plan", "value")
		commit(t, s, db, &o, []event.Row{number1("value")})
		kinds("[{value int}]")
		forget("[{value int}]", false, "value")
		commit(t, s, db, &o, []event.Row{text1("value"), text1("plan")})
		kinds("[{plan string} {value string}]")
	}
	if s.Texts("a", "value") || !s.Texts("a", "plan") {
		t.Error("rows have numbers under a name whose values have been texts since it was forgotten; the other one never had any")
	}
	forget("[{plan string}]", false, "plan")
	for _, site := range []string{"one", "two"} {
		if _, unseen := s.Unseen("a", site, "plan", true); unseen {
			t.Error("rows have it, and it is said that none does")
		}
		if _, unseen := s.Unseen("a", site, "value", true); unseen {
			t.Error("it came back from one site, and it is said that no row of another has it")
		}
	}
	if known, unseen := s.Unseen("a", "one", "plam", false); !unseen || fmt.Sprint(known) != "[value]" {
		t.Errorf("a name that never came: %v, %v", known, unseen)
	}
	if list, _ := s.Properties("ab"); len(list) != 1 {
		t.Errorf("of another tenant: %v", list)
	}
	if got, err := s.ForgetNames("nobody", []string{"value"}, true); len(got) != 0 || err != nil {
		t.Errorf("of an unknown tenant: %v, %v", got, err)
	}
	if err := s.Forget("a"); err != nil {
		t.Fatal(err)
	}
	restart()
	if s.tenants["a"] != nil {
		t.Errorf("of a tenant that is gone is left: %+v", s.tenants["a"])
	}
}

// TestForgetCommon: a declared property stays a column, of the kind that was declared.
func TestForgetCommon(t *testing.T) {
	s, db := open(t, vfs.NewMem())
	defer db.Close()
	var o Observer
	if err := s.SetCommon([]event.Property{{Name: "revenue", Kind: event.PropFloat}}); err != nil {
		t.Fatal(err)
	}
	commit(t, s, db, &o, []event.Row{text1("revenue")})
	if _, err := s.ForgetNames("a", []string{"revenue"}, false); err != nil {
		t.Fatal(err)
	}
	if list, _ := s.Properties("a"); fmt.Sprint(list) != "[{revenue float}]" {
		t.Errorf("%v", list)
	}
}

// TestForgetPublic: all names that only senders without a key have sent go at once, and make room.
func TestForgetPublic(t *testing.T) {
	fs := vfs.NewMem()
	s, db := open(t, fs)
	defer func() { db.Close() }()
	var o Observer
	commit(t, s, db, &o, []event.Row{anonymous("one", 0, made("junk", 0, 300)...), text1("junk00007"), text1("plan")})
	gone, err := s.ForgetNames("a", []string{"plan"}, true)
	if err != nil || len(gone) != PublicHourly+1 || gone[0].Name != "junk00000" || gone[PublicHourly].Name != "plan" {
		t.Fatalf("%d, %v", len(gone), err)
	}
	commit(t, s, db, &o, []event.Row{anonymous("one", 0, made("new", 0, 300)...)})
	if k := s.Schema("a"); k.Names != PublicHourly+1 || k.Public.Names != PublicHourly {
		t.Errorf("%d names, %d public", k.Names, k.Public.Names)
	}
	for round := range int64(maxForgotten/PublicHourly + 1) { // more than are remembered
		commit(t, s, db, &o, []event.Row{anonymous("one", 1+round, made(fmt.Sprint(round, "-"), 0, PublicHourly)...)})
		if _, err := s.ForgetNames("a", nil, true); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		p := s.tenants["a"]
		if len(p.forgotten.traits) != maxForgotten || !p.forgotten.more || p.public != 0 {
			t.Errorf("%d are remembered, more %v; %d public names are counted", len(p.forgotten.traits), p.forgotten.more, p.public)
		}
		p.left, p.barred = leftOut{}, leftOut{} // what is left out makes everything uncertain, too
		if _, unseen := s.Unseen("a", "one", "other", false); unseen {
			t.Error("not all that were forgotten are remembered, and one is said to be none of them")
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		s, db = open(t, fs)
	}
}

// TestForgetFails: what is not stored has not happened; while the profiles are rebuilt nothing is forgotten.
func TestForgetFails(t *testing.T) {
	s, db := open(t, vfs.NewMem())
	var o Observer
	commit(t, s, db, &o, []event.Row{text1("plan")})
	s.rebuilding.Store(true)
	if _, err := s.ForgetNames("a", []string{"plan"}, false); !errors.Is(err, ErrRebuilding) {
		t.Errorf("while they are rebuilt: %v", err)
	}
	s.rebuilding.Store(false)
	if list, _ := s.Properties("a"); len(list) != 1 {
		t.Errorf("%v", list)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestForgetWhileEventsCome: names that are taken away while an insert is being committed go after it: what memory has and what is stored stay the same.
func TestForgetWhileEventsCome(t *testing.T) {
	fs := vfs.NewMem()
	s, db := open(t, fs)
	var o Observer
	b, batch := event.NewBatch(), db.NewBatch()
	for _, r := range []event.Row{anonymous("one", 0, "junk"), text1("plan")} {
		b.Append(&r)
	}
	commit(t, s, db, &o, []event.Row{number1("plan")})
	o.Observe(b)
	forgotten := make(chan error, 1)
	if err := s.Commit(&o, batch, func() error {
		err := batch.Commit(pebble.Sync)
		go func() { // stored, and not visible yet
			gone, err := s.ForgetNames("a", []string{"plan"}, true)
			if err == nil && fmt.Sprint(gone) != "[{junk string} {plan string}]" {
				err = fmt.Errorf("forgotten: %v", gone)
			}
			forgotten <- err
		}()
		select {
		case err := <-forgotten:
			t.Errorf("it did not wait: %v", err)
			forgotten <- nil
		case <-time.After(20 * time.Millisecond):
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := <-forgotten; err != nil {
		t.Error(err)
	}
	want := ask(s, "a")
	if want.Schema.Names != 0 || want.Schema.Public.Names != 0 {
		t.Errorf("left: %+v", want.Schema)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s, db = open(t, fs)
	defer db.Close()
	if diff := cmp.Diff(want, ask(s, "a")); diff != "" {
		t.Errorf("in memory, and stored: %s", diff)
	}
}
