package catalog

import "testing"

// TestMaskName: what is shown of a mask is read as the same one.
func TestMaskName(t *testing.T) {
	for written, want := range map[string]Mask{
		"path": {Column: "path"}, "props.path": {Column: "path", Property: true}, "props.ts": {Column: "ts", Property: true}, "ts": {Column: "ts"},
		"plan": {Column: "plan"}, "props": {Column: "props"}, "props.props": {Column: "props", Property: true}, "props.props.plan": {Column: "props.plan"},
		"events.path": {Column: "events.path"},
	} {
		column, property := ReadMaskName(written)
		if column != want.Column || property != want.Property {
			t.Errorf("%s: %s %v", written, column, property)
		}
		if got := want.Name(); got != written {
			t.Errorf("%+v is shown as %s, want %s", want, got, written)
		}
	}
	if m := (Mask{Column: "plan"}); m.Name() != "plan" {
		t.Error(m.Name())
	}
	column, property := ReadMaskName("props.plan") // no column is named so: both spellings are one
	if column != "plan" || property {
		t.Error(column, property)
	}
	for _, alone := range []bool{false, true} {
		want := 2
		if alone {
			want = 1
		}
		if got := AllMasks([]Mask{{Column: "user_id", Property: alone}}); len(got) != want {
			t.Errorf("of user_id, alone %v, follow %v", alone, got)
		}
	}
}
