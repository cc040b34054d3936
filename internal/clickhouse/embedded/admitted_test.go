package embedded

import (
	"fmt"
	"strings"
	"testing"
)

func TestAdmitted(t *testing.T) {
	a := &admitted{}
	if _, ok := a.find("acme", "x"); ok {
		t.Error("found what was never kept")
	}
	a.keep("acme", "SELECT 1", "SELECT 1", nil)
	if out, ok := a.find("other", "SELECT 1"); ok {
		t.Errorf("another tenant found %q", out)
	}
	for _, near := range []string{"SELECT 1 ", " SELECT 1", "select 1", "SELECT 1;", "SELECT 1\x00", ""} {
		if out, ok := a.find("acme", near); ok {
			t.Errorf("%q was found as %q", near, out)
		}
	}
	a.keep("acme", "large", strings.Repeat("x", maxAdmitted), nil)
	if _, ok := a.find("acme", "large"); ok {
		t.Error("a text that fills the memory was kept")
	}
	used := "used"
	a.keep("acme", used, "U", nil)
	for i := range 100 { // several times what fits
		a.keep("acme", fmt.Sprintf("%d%s", i, strings.Repeat("é", maxAdmitted/32)), "out", nil)
		if out, ok := a.find("acme", used); !ok || out != "U" {
			t.Fatalf("what is used was forgotten after %d others", i)
		}
		size := 0
		for _, m := range []map[string]kept[string]{a.texts.now, a.texts.old} {
			for k, v := range m {
				size += len(k) + len(v.value)
			}
		}
		if size > maxAdmitted {
			t.Fatalf("%d bytes are kept", size)
		}
	}
	if _, ok := a.find("acme", "0"+strings.Repeat("é", maxAdmitted/32)); ok {
		t.Error("what is not used is never forgotten")
	}
}

// A text that differs from two others in its literals only has their print, with its own literals.
func TestAdmittedByPattern(t *testing.T) {
	asked := 0
	print := func(sql string) (string, error) { // as the engine might: in another order, with other words
		asked++
		s, ok := skeletonOf(sql)
		if !ok || len(s.literals) != 2 {
			return "", fmt.Errorf("%q is not plain: %+v", sql, s)
		}
		return "PRINT(" + s.literals[1] + ", " + s.literals[0] + " AND " + s.literals[1] + ")", nil
	}
	a := &admitted{}
	text := func(n int, word string) string { return fmt.Sprintf("SELECT x1 WHERE a = %d\tAND b = '%s'", n, word) }
	for i, c := range []struct {
		n     int
		word  string
		found bool
		print string
	}{{1, "one", false, ""}, {1, "one", true, "PRINT('one', 1 AND 'one')"}, {2, "two", false, ""}, {3, "d r e i", true, "PRINT('d r e i', 3 AND 'd r e i')"},
		{0, " ", true, "PRINT(' ', 0 AND ' ')"}, {0, "", false, ""}, {1234567890123456, "too many digits", false, ""}, {7, "it''s", false, ""}, {7, `\n`, false, ""}, {7, "é", false, ""}} {
		sql := text(c.n, c.word)
		got, ok := a.find("acme", sql)
		if ok != c.found || got != c.print {
			t.Errorf("%d. %q: %q, %v; want %q", i, sql, got, ok, c.print)
		}
		if !ok && i < 4 {
			p, err := print(sql)
			if err != nil {
				t.Fatal(err)
			}
			a.keep("acme", sql, p, print)
		}
	}
	if asked != 3 {
		t.Errorf("the engine was asked %d times", asked)
	}
	if got, ok := a.find("other", text(4, "four")); ok {
		t.Errorf("another tenant found %q", got)
	}
	for _, near := range []string{"SELECT x1 WHERE a = 4\tAND b = 5", "SELECT x1 WHERE a = '4'\tAND b = '5'", "SELECT x2 WHERE a = 4\tAND b = 'x'", "SELECT x1 WHERE a = 4 AND b = 'x'", "SELECT x1 WHERE a = 4.5\tAND b = 'x'",
		"SELECT x1 WHERE a = 04\tAND b = 'x'", "SELECT x1 WHERE a = 4\tAND b = \"x\"", "SELECT x1 WHERE a = 4\tAND b = 'x' -- y", "SELECT x1 WHERE a = 4\tAND b = $$x$$", "SELECT x1 WHERE a = 4\tAND b = 'x", "SELECT x1 WHERE a = \x01\tAND b = \x02"} {
		if got, ok := a.find("acme", near); ok {
			t.Errorf("%q was found as %q", near, got)
		}
	}
}

// What a print does not show, or shows otherwise, is asked for each time.
func TestNoPattern(t *testing.T) {
	for name, print := range map[string]func(string) (string, error){
		"loses it":   func(string) (string, error) { return "SELECT", nil },
		"changes it": func(sql string) (string, error) { return strings.ReplaceAll(sql, "2", "02"), nil },
		"refuses it": func(sql string) (string, error) { return sql, fmt.Errorf("no such number") },
	} {
		a := &admitted{}
		for _, sql := range []string{"SELECT 1", "SELECT 2", "SELECT 3"} {
			if _, ok := a.find("acme", sql); ok {
				t.Errorf("%s: %q was found", name, sql)
			}
			p, _ := print(sql)
			a.keep("acme", sql, p, print)
		}
	}
	a := &admitted{}
	same := func(sql string) (string, error) { return sql, nil }
	for _, sql := range []string{"SELECT 1, 917300000000000", "SELECT 2, 917300000000000", "SELECT 3, '917300000000001'", "SELECT 4.917300000000001, 5"} {
		a.keep("acme", sql, sql, same)
	}
	if got, ok := a.find("acme", "SELECT 3, 917300000000000"); !ok || got != "SELECT 3, 917300000000000" {
		t.Errorf("%q, %v", got, ok)
	}
}
