package event

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestTraits(t *testing.T) {
	for _, c := range []struct {
		traits Traits
		want   PropertyKind
	}{
		{TraitNull, PropString}, {TraitBool, PropBool}, {TraitBool | TraitNull, PropBool}, {TraitInt, PropInt}, {TraitFloat, PropFloat},
		{TraitInt | TraitFloat | TraitNull, PropFloat}, {TraitInt | TraitText, PropString}, {TraitBool | TraitInt, PropString}, {TraitBool | TraitText, PropString}, {0, PropString},
	} {
		if got := c.traits.Kind(); got != c.want {
			t.Errorf("%b: %v, want %v", c.traits, got, c.want)
		}
	}
	for v, want := range map[string]Traits{"true": TraitBool, "false": TraitBool, "null": TraitNull, "True": TraitText, "": TraitText, "nulls": TraitText, "[1]": TraitText, "12": TraitText} {
		if got := TextTrait([]byte(v)); got != want {
			t.Errorf("%q: %b, want %b", v, got, want)
		}
	}
	for v, want := range map[float64]Traits{0: TraitInt, -7: TraitInt, 1 << 53: TraitInt, -1 << 53: TraitInt, 1<<53 + 2: TraitFloat, 0.5: TraitFloat, 1e300: TraitFloat, math.Inf(1): TraitFloat} {
		if got := NumTrait(v); got != want {
			t.Errorf("%v: %b, want %b", v, got, want)
		}
	}
	if NumTrait(math.NaN()) != TraitFloat {
		t.Error("NaN is a whole number")
	}
	for v, want := range map[string]bool{"9007199254740993": true, "-12345678901234567890": true, "123456789012345": false, "1234567890123456x": false, "--1234567890123456": false, "": false} {
		if got := LongInteger([]byte(v)); got != want {
			t.Errorf("LongInteger(%q) = %v", v, got)
		}
	}
	for k := PropBool; k <= PropString; k++ {
		if got, ok := ParsePropertyKind(k.String()); !ok || got != k || k.Traits().Kind() != k || !strings.HasPrefix(k.Type(), "Nullable(") {
			t.Errorf("kind %d: %v, %v, traits %b, type %s", k, got, ok, k.Traits(), k.Type())
		}
	}
	if _, ok := ParsePropertyKind("unknown"); ok || PropertyKind(0).String() != "unknown" {
		t.Error("a kind that there is not")
	}
}

func TestNameIsColumn(t *testing.T) {
	for _, good := range []string{"plan", "a.b", "two words", "größe", "Path", "1st", "x-y", strings.Repeat("x", MaxPropertyName)} {
		if !NameIsColumn(good) {
			t.Errorf("%q cannot be a column", good)
		}
	}
	for _, bad := range []string{"", "path", "tenant", "_seq", "_flags", "_id", "_", "@v", "props", "a`b", "a\"b", "it's", `a\b`, "a\nb", "a\x00b", " a", "a ", "a\u200bb", "a\u00a0b", "\xff", "true", "False", "NULL", "nan", "inf", "Infinity", strings.Repeat("x", MaxPropertyName+1)} {
		if NameIsColumn(bad) {
			t.Errorf("%q can be a column", bad)
		}
	}
}

// TestPairsAndSizes compares the views of random batches, also merged ones, with their rows.
func TestPairsAndSizes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := webRows(rapid.IntRange(1, 30).Draw(t, "rows"), 3)
		b := NewBatch()
		for i := range rows {
			if rapid.Bool().Draw(t, "bare") {
				rows[i].Props, rows[i].Nums = nil, nil
			}
			rows[i].URL = []byte(strings.Repeat("u", rapid.IntRange(0, 120).Draw(t, "url")))
			b.Append(&rows[i])
		}
		keep := make([]bool, len(rows))
		for i := range keep {
			keep[i] = rapid.Bool().Draw(t, "keep")
		}
		part := NewBatch()
		part.AppendBatch(b, keep)
		part.AppendBatch(b, nil)
		checkPairs(t, part)
		from := rapid.IntRange(0, part.Rows()).Draw(t, "from")
		to := rapid.IntRange(from, part.Rows()).Draw(t, "to")
		checkSizes(t, part, from, to)
	})
}

func checkPairs(t *rapid.T, b *Batch) {
	texts, nums := b.PropTexts(), b.PropNums()
	text, num := 0, 0
	for i := range b.Rows() {
		r := b.Row(i)
		for _, p := range r.Props {
			if got := texts.Names[texts.Keys[text]]; string(got) != string(p.Key) || string(texts.Text(text)) != string(p.Value) {
				t.Fatalf("row %d: %q = %q", i, got, texts.Text(text))
			}
			text++
		}
		for _, n := range r.Nums {
			if got := nums.Names[nums.Keys[num]]; string(got) != string(n.Key) || nums.Nums[num] != n.Value {
				t.Fatalf("row %d: %q", i, got)
			}
			num++
		}
		if int(texts.Ends[i]) != text || int(nums.Ends[i]) != num {
			t.Fatalf("row %d ends at %d and %d, want %d and %d", i, texts.Ends[i], nums.Ends[i], text, num)
		}
	}
}

func checkSizes(t *rapid.T, b *Batch, from, to int) {
	var got, want Sizes
	total := b.AddValues(&got, from, to)
	for i := from; i < to; i++ {
		r := b.Row(i)
		for c, n := range map[string]int{"event_id": len(r.EventID), "client_id": len(r.ClientID), "user_id": len(r.UserID), "session_id": len(r.SessionID),
			"url": len(r.URL), "path": len(r.Path), "referrer": len(r.Referrer)} {
			want[indexOf(c)] += uint64(n)
		}
		for _, p := range r.Props {
			want[indexOf("props")] += uint64(16 + len(p.Key) + len(p.Value))
		}
		for _, n := range r.Nums {
			want[indexOf("props_num")] += uint64(16 + len(n.Key))
		}
	}
	if got != want || total != want.Total() {
		t.Fatalf("rows [%d, %d): %v, total %d; want %v", from, to, got, total, want)
	}
	got.AddRows(2)
	if d := got.Total() - want.Total(); d != 2*(RowSize-InternalSize) {
		t.Fatalf("two rows take %d", d)
	}
}

func indexOf(name string) int {
	for i, c := range Columns {
		if c.Name == name {
			return i
		}
	}
	panic(fmt.Sprint("no column ", name))
}
