package enrich

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// clock is a time that tests set.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

var (
	home  = netip.MustParseAddr("203.0.113.7")
	phone = []byte("Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0")
	noon  = time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)
)

func newSalts(t *testing.T, c *clock, file string) *salts {
	t.Helper()
	s, err := openSalts(file, c.now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func visitorOf(s *salts, site string, ip netip.Addr, ua []byte) string {
	return string(s.visitor([]byte("before"), site, ip, ua))
}

func TestVisitor(t *testing.T) {
	c := &clock{noon}
	s := newSalts(t, c, "")
	id := visitorOf(s, "s1", home, phone)
	if len(id) != len("before")+24 || !strings.HasPrefix(id, "befored-") {
		t.Errorf("id %q", id)
	}
	if again := visitorOf(s, "s1", home, phone); again != id {
		t.Errorf("the id is %q, then %q", id, again)
	}
	seen := map[string]string{}
	for _, x := range []struct {
		site string
		ip   string
		ua   string
	}{{"s1", "203.0.113.7", "a"}, {"s2", "203.0.113.7", "a"}, {"s1", "203.0.113.8", "a"}, {"s1", "203.0.113.7", "b"}, {"s1", "2001:db8::1", "a"}, {"s1", "203.0.113.7", ""}} {
		id := visitorOf(s, x.site, netip.MustParseAddr(x.ip), []byte(x.ua))
		if other := seen[id]; other != "" {
			t.Errorf("%v has the id of %s", x, other)
		}
		seen[id] = fmt.Sprint(x)
	}
	if other := visitorOf(newSalts(t, c, ""), "s1", home, phone); other == id {
		t.Error("another installation has the same id")
	}
}

func netOf(s *salts, ip string) string {
	var b [netSize]byte
	s.network(&b, netip.MustParseAddr(ip))
	return string(b[:])
}

func TestNetwork(t *testing.T) {
	c := &clock{noon}
	s := newSalts(t, c, "")
	a := netOf(s, "203.0.113.7")
	if len(a) != 16 || strings.Trim(a, "0123456789abcdef") != "" {
		t.Errorf("hash %q", a)
	}
	for ip, same := range map[string]bool{"203.0.113.0": true, "203.0.113.255": true, "203.0.112.255": false, "2001:db8::1": false} {
		if (netOf(s, ip) == a) != same {
			t.Errorf("%s: %q, that of 203.0.113.7 is %q", ip, netOf(s, ip), a)
		}
	}
	if netOf(s, "2001:db8:1:2::1") != netOf(s, "2001:db8:1:ffff::2") || netOf(s, "2001:db8:1::1") == netOf(s, "2001:db8:2::1") {
		t.Error("IPv6 is not cut at /48")
	}
	c.t = c.t.AddDate(0, 0, 1)
	if netOf(s, "203.0.113.7") == a {
		t.Error("the hash is that of the day before")
	}
}

// TestSaltFile follows the file over days and restarts: a salt survives a restart within its day, is there a day longer, and then gone from
// the file and from memory.
func TestSaltFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secrets", "salts")
	c := &clock{noon}
	s := newSalts(t, c, file)
	first := visitorOf(s, "s1", home, phone)
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != 2*slotSize {
		t.Fatalf("%v %v", info, err)
	}
	salt := func() []byte { // of the first day, as it is in the file
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		slot := b[slotSize*(dayOf(noon)&1):]
		return slot[8:40]
	}
	secret := bytes.Clone(salt())
	if bytes.Equal(secret, make([]byte, 32)) {
		t.Fatal("the salt is empty")
	}
	if got := visitorOf(newSalts(t, c, file), "s1", home, phone); got != first {
		t.Errorf("after a restart %q, before %q", got, first)
	}
	contains := func() bool {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Contains(b, secret)
	}
	c.t = noon.AddDate(0, 0, 1)
	second := visitorOf(s, "s1", home, phone)
	if second == first || !contains() {
		t.Errorf("the next day: id the same %v, yesterday's salt there %v", second == first, contains())
	}
	if got := visitorOf(newSalts(t, c, file), "s1", home, phone); got != second {
		t.Errorf("after a restart %q, before %q", got, second)
	}
	c.t = noon.AddDate(0, 0, 2)
	s.tick() // nobody came
	if contains() {
		t.Error("the salt is in the file 48 hours later")
	}
	if d := s.days.Load(); saltOf(secret) == d.today || saltOf(secret) == d.yesterday {
		t.Error("the salt is in memory 48 hours later")
	}
	// What is found too old is overwritten at the start.
	third := bytes.Clone(salt())
	secret = third
	c.t = noon.AddDate(0, 0, 30)
	newSalts(t, c, file)
	if contains() {
		t.Error("a salt of weeks ago is in the file after a start")
	}
}

func TestDamagedSaltFile(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"cut":   func(b []byte) []byte { return b[:slotSize/2] },
		"empty": func([]byte) []byte { return nil },
		"bits":  func(b []byte) []byte { b[12] ^= 1; b[slotSize+12] ^= 1; return b },
		"long":  func(b []byte) []byte { return append(bytes.Repeat([]byte{7}, 1000), b...) },
	} {
		file := filepath.Join(t.TempDir(), "salts")
		c := &clock{noon}
		before := visitorOf(newSalts(t, c, file), "s1", home, phone)
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, damage(b), 0o644); err != nil {
			t.Fatal(err)
		}
		s := newSalts(t, c, file)
		after := visitorOf(s, "s1", home, phone)
		if after == before {
			t.Errorf("%s: the id stayed", name)
		}
		if again := visitorOf(newSalts(t, c, file), "s1", home, phone); again != after {
			t.Errorf("%s: the new salt was not kept", name)
		}
		if info, err := os.Stat(file); err != nil || info.Size() != 2*slotSize || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info, err)
		}
	}
	if _, err := openSalts(filepath.Join(t.TempDir(), "file", "salts"), (&clock{noon}).now, slog.New(slog.DiscardHandler)); err != nil {
		t.Error(err)
	}
	dir := t.TempDir()
	if _, err := openSalts(dir, (&clock{noon}).now, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "salt file") {
		t.Errorf("a directory: %v", err)
	}
}

// TestSaltUnsaved: a salt that cannot be saved is used all the same, and saved later.
func TestSaltUnsaved(t *testing.T) {
	file := filepath.Join(t.TempDir(), "salts")
	c := &clock{noon}
	s := newSalts(t, c, file)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(file, 0o700); err != nil { // nothing can be written there
		t.Fatal(err)
	}
	c.t = noon.AddDate(0, 0, 1)
	id := visitorOf(s, "s1", home, phone)
	if id == "" || !s.unsaved {
		t.Fatalf("id %q, unsaved %v", id, s.unsaved)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	s.tick()
	if got := visitorOf(newSalts(t, c, file), "s1", home, phone); got != id {
		t.Errorf("after a restart %q, before %q", got, id)
	}
}

// A clock that was far ahead for a while does not keep the salt of then in use.
func TestClockAhead(t *testing.T) {
	c := &clock{noon}
	s := newSalts(t, c, "")
	today := visitorOf(s, "s1", home, phone)
	c.t = noon.Add(-13 * time.Hour)
	if visitorOf(s, "s1", home, phone) != today {
		t.Error("a clock that went back a little changed the id")
	}
	c.t = noon.AddDate(0, 1, 0)
	ahead := visitorOf(s, "s1", home, phone)
	c.t = noon
	if now := visitorOf(s, "s1", home, phone); now == ahead || now != visitorOf(s, "s1", home, phone) {
		t.Error("the salt of a day far ahead is in use")
	}
}

// TestMidnight: a visit that goes on over midnight keeps its id, one that comes back after half an hour has a new one.
func TestMidnight(t *testing.T) {
	midnight := time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)
	c := &clock{}
	s := newSalts(t, &clock{midnight.Add(-time.Hour)}, "")
	s.now = c.now
	at := func(d time.Duration, ua string) string {
		c.t = midnight.Add(d)
		if d%time.Minute == 0 {
			s.tick()
		}
		return visitorOf(s, "s1", home, []byte(ua))
	}
	stays := at(-10*time.Minute, "stays")
	at(-20*time.Minute, "returns")
	returns := at(-20*time.Minute, "returns")
	early := at(-50*time.Minute, "early")
	for d := 5 * time.Minute; d < 3*time.Hour; d += 10 * time.Minute {
		if got := at(d, "stays"); got != stays {
			t.Fatalf("%v after midnight the visitor is %q, before %q", d, got, stays)
		}
	}
	if at(3*time.Hour, "returns") == returns {
		t.Error("a visitor of before came back hours later with the id of the day before")
	}
	c.t = midnight.Add(11 * time.Minute)
	if at(4*time.Hour, "early") == early {
		t.Error("a visitor who had left before the last half hour kept the id")
	}
	fresh := at(4*time.Hour, "stays") // more than 30 minutes
	if fresh == stays {
		t.Error("the id of the day before is used after a pause")
	}
	if at(4*time.Hour+time.Second, "stays") != fresh {
		t.Error("the new id does not stay")
	}
	// The day after, yesterday's salt is another one: nothing of the first day is left.
	if at(24*time.Hour+time.Minute, "stays") == stays || s.carry.some.Load() {
		t.Error("something of the first day is left")
	}
}

func TestCarryIsBounded(t *testing.T) {
	var c carry
	for i := range uint64(maxCarry + 10) {
		c.note(i, 1000)
	}
	if len(c.seen) != maxCarry || !c.goesOn(5, 1001) || c.goesOn(maxCarry+5, 1001) {
		t.Errorf("%d remembered", len(c.seen))
	}
	c.sweep(1000 + carryWindow + 1)
	if len(c.seen) != 1 { // the one that went on
		t.Errorf("%d left", len(c.seen))
	}
}
