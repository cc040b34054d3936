package problem

import "testing"

func TestEdits(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"path", "path", 0}, {"pth", "path", 1}, {"paht", "path", 1}, {"country", "county", 1}, {"url", "host", 4}} {
		if got := Edits(c.a, c.b); got != c.want {
			t.Errorf("%q to %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

// Only a name that is near is suggested: a few letters of it may be wrong.
func TestDidYouMean(t *testing.T) {
	for name, want := range map[string]string{"nope": "", "typ": "type", "tpye": "type", "tipe": "type", "x": "", "os": "", "contry": "country", "cuntri": "country", "countless": "", "broser": "browser", "Brwsr": "browser", "utm": "utm_source",
		"browbeat": "", "ur": "url", "urk": "url", "uvw": ""} {
		if want != "" {
			want = " (did you mean " + want + "?)"
		}
		if got := DidYouMean(name, []string{"type", "country", "browser", "utm_source", "url"}); got != want {
			t.Errorf("%s:%s, want%s", name, got, want)
		}
	}
}
