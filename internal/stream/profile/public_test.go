package profile

import (
	"fmt"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"weir/internal/event"
)

const someHour = 1_790_000_000_000 / hourMillis * hourMillis

// anonymous is an event of a sender without a key.
func anonymous(site string, hour int64, names ...string) event.Row {
	return event.Row{Tenant: "a", Site: site, Flags: event.FlagPublic, ReceivedAt: someHour + hour*hourMillis, Props: props(names...)}
}

func made(prefix string, from, to int) (names []string) {
	for i := from; i < to; i++ {
		names = append(names, fmt.Sprintf("%s%05d", prefix, i))
	}
	return names
}

// TestPublicNames: whoever has no key gets some names an hour and source, and a share of all names; who has one gets all of its own whatever others did. What had no place is counted and shown.
func TestPublicNames(t *testing.T) {
	fs := vfs.NewMem()
	s, db := open(t, fs)
	defer func() { db.Close() }()
	var o Observer
	check := func(what string, names, public int, leftOut, barred uint64) {
		t.Helper()
		for range 2 { // the second time after a restart
			k := s.Schema("a")
			if k.Names != names || k.Public.Names != public || k.LeftOut != leftOut || k.Public.LeftOut != barred {
				t.Fatalf("%s: %d names, %d of them public, %d and %d values left out; want %d, %d, %d, %d", what, k.Names, k.Public.Names, k.LeftOut, k.Public.LeftOut, names, public, leftOut, barred)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			s, db = open(t, fs)
			o = Observer{}
		}
	}
	commit(t, s, db, &o, []event.Row{anonymous("one", 0, made("junk", 0, 500)...)})
	check("the first request", PublicHourly, PublicHourly, 0, 300)
	commit(t, s, db, &o, []event.Row{anonymous("one", 0, made("junk", 0, 300)...), anonymous("one", 0, "more")})
	check("the same hour", PublicHourly, PublicHourly, 0, 401)
	commit(t, s, db, &o, []event.Row{anonymous("two", 0, made("theirs", 0, 10)...)})
	check("another source", PublicHourly+10, PublicHourly+10, 0, 401)
	for hour := range int64(6) {
		commit(t, s, db, &o, []event.Row{anonymous("one", 1+hour, made(fmt.Sprint("junk", hour), 0, PublicHourly)...)})
	}
	check("later hours", MaxPublic, MaxPublic, 0, 401+410)
	if k := s.Schema("a").Public; len(k.Examples) != maxExamples || k.Examples[maxExamples-1] != fmt.Sprintf("junk5%05d", PublicHourly-1) || k.Last.UnixMilli() != int64(dayOf(someHour+6*hourMillis))*dayMillis {
		t.Errorf("what was left out last: %+v", k)
	}
	if _, unseen := s.Unseen("a", "one", "other", false); unseen || s.Texts("a", "theirs00001") {
		t.Error("of names that are left out nobody knows which they were and what they had")
	}
	own := func(from, to int) {
		t.Helper()
		var rows []event.Row
		for ; from < to; from += 500 {
			rows = append(rows, event.Row{Tenant: "a", Site: "one", ReceivedAt: someHour, Props: props(made("own", from, min(to, from+500))...)})
		}
		commit(t, s, db, &o, rows)
	}
	own(0, MaxNames-MaxPublic)
	check("the other half, of who has a key", MaxNames, MaxPublic, 0, 811)
	commit(t, s, db, &o, []event.Row{{Tenant: "a", Site: "one", Props: props("theirs00001")}, anonymous("one", 9, "own00001", "never")})
	check("names of both kinds", MaxNames, MaxPublic-1, 0, 812)
	own(MaxNames-MaxPublic, MaxNames-MaxPublic+10)
	check("more of who has a key", MaxNames, MaxPublic-11, 0, 812+10)
	if list, _ := s.Properties("a"); len(list) != MaxNames || hasName(list, "junk300189") || !hasName(list, "junk00000") {
		t.Errorf("%d columns; the newest names make room", len(list))
	}
	own(MaxNames-MaxPublic, MaxNames)
	check("all names of who has a key", MaxNames, 0, 1, 812+MaxPublic-1) // of them is theirs00001, so that one of the others has no place
	commit(t, s, db, &o, []event.Row{{Tenant: "a", Site: "one", Props: props("toomany")}, anonymous("one", 10, "never")})
	check("one more", MaxNames, 0, 2, 812+MaxPublic)
}

func hasName(list []event.Property, name string) bool {
	return slices.ContainsFunc(list, func(p event.Property) bool { return p.Name == name })
}

// TestPublicBecomesOwn: a name that comes with a key, too, takes no public place any more, in whichever order and commit.
func TestPublicBecomesOwn(t *testing.T) {
	keyed := event.Row{Tenant: "a", Site: "one", ReceivedAt: someHour, Nums: []event.Num{{Key: []byte("plan"), Value: 3}}}
	for name, commits := range map[string][][]event.Row{
		"later": {{anonymous("one", 0, "plan")}, {keyed}}, "before": {{keyed}, {anonymous("one", 0, "plan")}},
		"at once": {{anonymous("one", 0, "plan"), keyed}}, "at once, before": {{keyed, anonymous("one", 0, "plan")}},
	} {
		fs := vfs.NewMem()
		s, db := open(t, fs)
		var o Observer
		for _, rows := range commits {
			commit(t, s, db, &o, rows)
		}
		for range 2 {
			if k := s.Schema("a"); k.Names != 1 || k.Public.Names != 0 || k.Properties[0].Public || k.Properties[0].Kind != event.PropString {
				t.Errorf("%s: %+v", name, k)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			s, db = open(t, fs)
		}
		db.Close()
	}
}

// TestManySources: sources beyond those that are told apart share what one gets.
func TestManySources(t *testing.T) {
	s, db := open(t, vfs.NewMem())
	defer db.Close()
	var o Observer
	var rows []event.Row
	for i := range maxSites + 2 {
		rows = append(rows, event.Row{Tenant: "a", Site: fmt.Sprint("s", i), ReceivedAt: someHour, Props: props("plan")})
	}
	commit(t, s, db, &o, rows)
	commit(t, s, db, &o, []event.Row{anonymous(fmt.Sprint("s", maxSites), 0, made("x", 0, 150)...), anonymous(fmt.Sprint("s", maxSites+1), 0, made("y", 0, 150)...), anonymous("s3", 0, made("z", 0, 150)...)})
	if k := s.Schema("a"); k.Public.Names != PublicHourly+150 || k.Public.LeftOut != 100 {
		t.Errorf("%+v", k.Public)
	}
}
