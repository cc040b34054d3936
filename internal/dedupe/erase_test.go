package dedupe

import (
	"testing"
)

// TestForgetTenant removes a tenant's keys from the head, from frozen segments and from files; all of the others' stay, and a restart changes nothing.
func TestForgetTenant(t *testing.T) {
	h := newMem(t, Config{FreezeKeys: 50, HeadKeys: 1000})
	var own, others []Entry
	for n := range 40 {
		var batch []Entry
		for i := range 10 {
			received := start + int64(n)*hour
			e := h.entry(1+uint32(i%3), n*10+i, received, 0)
			batch = append(batch, e)
			if i%3 == 0 {
				own = append(own, e)
			} else {
				others = append(others, e)
			}
		}
		h.store(batch)
		if n == 20 {
			h.maintain() // some are in files, some frozen, some in the head
		}
	}
	n, err := h.set.KeysOf(1)
	if err != nil || n != int64(len(own)) {
		t.Fatalf("%d keys, %v, want %d", n, err, len(own))
	}
	for range 2 { // the second time there is nothing to do
		if err := h.set.ForgetTenant(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
	}
	for k := range h.oracle {
		if k[3] == 1 {
			delete(h.oracle, k)
		}
	}
	for range 2 {
		for tenant, want := range map[uint32]int64{1: 0, 2: 120, 3: 120} {
			if n, err := h.set.KeysOf(tenant); err != nil || n != want {
				t.Errorf("tenant %d has %d keys, %v, want %d", tenant, n, err, want)
			}
		}
		if fresh := h.check(own); len(fresh) != len(own) {
			t.Errorf("%d of %d are new again", len(fresh), len(own))
		}
		if fresh := h.check(others); len(fresh) != 0 {
			t.Errorf("%d of the others are new", len(fresh))
		}
		h.maintain()
		h.reopen()
	}
}
