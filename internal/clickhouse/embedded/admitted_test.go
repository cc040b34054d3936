package embedded

import (
	"fmt"
	"strings"
	"testing"
)

func TestAdmitted(t *testing.T) {
	a := &admitted{}
	if _, ok := a.find("x"); ok {
		t.Error("found what was never kept")
	}
	a.keep("SELECT 1", "SELECT 1")
	for _, near := range []string{"SELECT 1 ", " SELECT 1", "select 1", "SELECT 1;", "SELECT 1\x00", ""} {
		if out, ok := a.find(near); ok {
			t.Errorf("%q was found as %q", near, out)
		}
	}
	a.keep("large", strings.Repeat("x", maxAdmitted))
	if _, ok := a.find("large"); ok {
		t.Error("a text that fills the memory was kept")
	}
	used := "used"
	a.keep(used, "U")
	for i := range 100 { // several times what fits
		a.keep(fmt.Sprintf("%d%s", i, strings.Repeat(" ", maxAdmitted/16)), "out")
		if out, ok := a.find(used); !ok || out != "U" {
			t.Fatalf("what is used was forgotten after %d others", i)
		}
		size := 0
		for _, m := range []map[string]string{a.now, a.old} {
			for k, v := range m {
				size += len(k) + len(v)
			}
		}
		if size > maxAdmitted {
			t.Fatalf("%d bytes are kept", size)
		}
	}
	if _, ok := a.find("0" + strings.Repeat(" ", maxAdmitted/16)); ok {
		t.Error("what is not used is never forgotten")
	}
}
