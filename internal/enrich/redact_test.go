package enrich

import (
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"weir/internal/catalog"
	"weir/internal/event"
)

func source(p *catalog.Privacy) *catalog.Source {
	return &catalog.Source{Tenant: "acme", SiteID: "s1", Privacy: p}
}

// TestURL is what becomes of URLs by default, and with query strings kept.
func TestURL(t *testing.T) {
	e := open(t, Config{Secret: []byte("k")})
	for _, tt := range []struct{ in, want, kept string }{
		{"https://a.example/p", "=", "="},
		{"https://a.example/p?q=shoes", "https://a.example/p", "="},
		{"https://a.example/p?", "https://a.example/p", "https://a.example/p"},
		{"https://a.example/?utm_source=x&q=1&UTM_Term=y", "https://a.example/?utm_source=x&UTM_Term=y", "="},
		{"https://a.example/?q=1&page=2&ref=r", "https://a.example/?page=2", "="},
		{"https://a.example/?&&page=2&", "https://a.example/?page=2", "https://a.example/?page=2"},
		{"https://a.example/?gclid=abc", "https://a.example/", "="},
		{"https://a.example/?token=abc&page=1", "https://a.example/?page=1", "https://a.example/?token=[token]&page=1"},
		{"https://a.example/?Access_Token=abc", "https://a.example/", "https://a.example/?Access_Token=[token]"},
		{"https://a.example/?resetToken=abc", "https://a.example/", "https://a.example/?resetToken=[token]"},
		{"https://a.example/?token=&token", "https://a.example/", "="},
		{"https://a.example/?utm_source=jane@example.com", "https://a.example/?utm_source=[email]", "https://a.example/?utm_source=[email]"},
		// Fragments.
		{"https://a.example/p#part", "=", "="},
		{"https://a.example/p?x=1#/route/2", "https://a.example/p#/route/2", "="},
		{"https://a.example/#/route?x=1&page=2", "https://a.example/#/route?page=2", "="},
		{"https://a.example/#access_token=abc&x=1", "https://a.example/", "https://a.example/#access_token=[token]&x=1"},
		{"https://a.example/#", "https://a.example/", "https://a.example/"},
		{"https://a.example/#access_token=abc&state=/p?x=1", "https://a.example/", "https://a.example/#access_token=[token]&state=/p?x=1"},
		{"https://a.example/#/access_token=abc&utm_source=s?token=x", "https://a.example/#utm_source=s", "https://a.example/#/access_token=[token]&utm_source=s?token=[token]"},
		{"https://a.example/#?x=1", "https://a.example/", "="},
		// Users.
		{"https://jane:secret@a.example/p", "https://a.example/p", "https://a.example/p"},
		{"https://jane:secret@a.example?x=1", "https://a.example", "https://a.example?x=1"},
		{"https://a.example/@jane", "=", "="},
		{"https://a.example?x=//jane@b", "https://a.example", "="},
		// Paths.
		{"https://a.example/users/jane.doe@example.com/edit", "https://a.example/users/[email]/edit", "https://a.example/users/[email]/edit"},
		{"https://a.example/users/jane%40example.co.uk", "https://a.example/users/[email]", "https://a.example/users/[email]"},
		{"https://a.example/x%2Fjane%40example.com", "https://a.example/x%2F[email]", "https://a.example/x%2F[email]"},
		{"https://a.example/jane.doe%2Bnews%40example.com", "https://a.example/[email]", "https://a.example/[email]"},
		{"https://a.example/%22jane%2540example.com", "https://a.example/%22[email]", "https://a.example/%22[email]"},
		{"https://a.example/img@2x.png", "=", "="},
		{"https://a.example/react@18.2.0", "=", "="},
		{"https://a.example/pay/4111111111111111", "https://a.example/pay/[card]", "https://a.example/pay/[card]"},
		{"https://a.example/pay/4111-1111-1111-1111/x", "https://a.example/pay/[card]/x", "https://a.example/pay/[card]/x"},
		{"https://a.example/order/4111111111111112", "=", "="}, // the check digit is wrong
		{"https://a.example/x/1773050400456", "=", "="},        // a time in milliseconds
		{"https://a.example/0f4111111111111111", "=", "="},     // inside a longer word
		{"https://a.example/t/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "https://a.example/t/[token]", "https://a.example/t/[token]"},
		{"https://a.example/eyJ", "=", "="},
		{"", "", ""},
		{"mailto:jane@example.com", "mailto:[email]", "mailto:[email]"},
		{"/relative?x=1", "/relative", "="},
		{"?x=1", "", "="},
	} {
		for i, want := range []string{tt.want, tt.kept} {
			src := source(&catalog.Privacy{KeepQueryStrings: i == 1, QueryParameters: []string{"page"}})
			if want == "=" {
				want = tt.in
			}
			row := event.Row{URL: []byte(tt.in), Referrer: []byte(tt.in)}
			e.Complete(src, &row, []byte("before"))
			if string(row.URL) != want || string(row.Referrer) != want {
				t.Errorf("%s (kept %v): url %s, referrer %s, want %s", tt.in, i == 1, row.URL, row.Referrer, want)
			}
		}
	}
}

func TestPatterns(t *testing.T) {
	e := open(t, Config{Secret: []byte("k")})
	rules := func(r ...catalog.PrivacyRule) *catalog.Privacy { return &catalog.Privacy{Rules: r} }
	hash := func(s string) string { return string(newTenantKey([]byte("k"), "acme").append(nil, []byte(s))) }
	if len(hash("x")) != hashSize || hash("x") == hash("y") {
		t.Fatalf("hash %q", hash("x"))
	}
	for _, tt := range []struct {
		name     string
		privacy  *catalog.Privacy
		in, want string // of a property
		path     string // what becomes of the same text in path; "" the same as want
	}{
		{"default e-mail", nil, "write to jane@example.com", "write to jane@example.com", "write to [email]"},
		{"e-mail", rules(catalog.PrivacyRule{Pattern: "email", Action: "mask"}), "jane@example.com, joe@example.org.", "[email], [email].", ""},
		{"e-mail hashed", rules(catalog.PrivacyRule{Pattern: "email", Action: "hash"}), "<jane@example.com>", "<" + hash("jane@example.com") + ">", ""},
		{"e-mail dropped", rules(catalog.PrivacyRule{Pattern: "email", Action: "drop"}), "a jane@example.com b", "a  b", ""},
		{"e-mail kept", rules(catalog.PrivacyRule{Pattern: "email", Action: "keep"}), "jane@example.com", "jane@example.com", ""},
		{"the first rule counts", rules(catalog.PrivacyRule{Pattern: "email", Action: "mask"}, catalog.PrivacyRule{Pattern: "email", Action: "drop"}), "jane@example.com", "[email]", ""},
		{"no address", rules(catalog.PrivacyRule{Pattern: "email", Action: "mask"}), "@jane a@b @ a@b. a@.de x@1.2 @example.com", "@jane a@b @ a@b. a@.de x@1.2 @example.com", ""},
		{"umlauts", rules(catalog.PrivacyRule{Pattern: "email", Action: "mask"}), "Jürgen@müller.de!", "[email]!", ""},
		{"card", nil, "4111 1111 1111 1111", "[card]", ""},
		{"card in text", nil, "(5555-5555-5555-4444)", "([card])", ""},
		{"amex", nil, "378282246310005", "[card]", ""},
		{"two cards", nil, "4111111111111111 378282246310005 ", "[card] [card] ", ""},
		{"card and expiry", nil, "4111111111111111 12/26, 4111 1111 1111 1111 123", "[card] 12/26, [card] 123", ""},
		{"number and card", nil, "order 12 4111-1111-1111-1111", "order 12 [card]", ""},
		{"card behind an escape", nil, "x%204111111111111111%2012 %C3%A44111111111111111", "x%20[card]%2012 %C3%A4[card]", ""},
		{"fractions", nil, "[0.4111111111111111,12.5555555555554444]", "[0.4111111111111111,12.5555555555554444]", ""},
		{"UUID", nil, "41111111-1111-4111-8111-111111111111 12 41111111-1111-4111-8111-111111111111", "41111111-1111-4111-8111-111111111111 12 41111111-1111-4111-8111-111111111111", ""},
		{"kept card", rules(catalog.PrivacyRule{Pattern: "card", Action: "keep"}), "4111111111111111", "4111111111111111", ""},
		{"no card", nil, "4111111111111112 and 41111111111111111111111", "4111111111111112 and 41111111111111111111111", ""},
		{"JWT", nil, "x=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl;", "x=[token];", ""},
		{"JWT behind an escape", nil, "Bearer%20eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl and %7B%22t%22%3A%22eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "Bearer%20[token] and %7B%22t%22%3A%22[token]", ""},
		{"JWT with escaped dots", nil, "eyJhbGciOiJIUzI1NiJ9%2EeyJzdWIiOiIxIn0%2Ec2lnbmF0dXJl", "[token]", ""},
		{"no JWT", nil, "monkeyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl turkeyJerky.example.com.and.more.of.the.like", "monkeyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl turkeyJerky.example.com.and.more.of.the.like", ""},
		{"e-mail with an escaped dot", nil, "u/jane%40example%2Ecom, j@a.example%2e", "u/jane%40example%2Ecom, j@a.example%2e", "u/[email], [email]%2e"},
		{"expression", rules(catalog.PrivacyRule{Pattern: `re:\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b`, Action: "mask"}), "ssn 123-45-6789", "ssn [masked]", ""},
		{"hashed expression", rules(catalog.PrivacyRule{Pattern: `re:u_[0-9]+`, Action: "hash"}), "u_1 u_2 u_1", hash("u_1") + " " + hash("u_2") + " " + hash("u_1"), ""},
		{"very many matches", rules(catalog.PrivacyRule{Pattern: `re:[2-9](.*x)?`, Action: "mask"}), strings.Repeat("7.", maxMatches) + "2.3", strings.Repeat("[masked].", maxMatches-1) + "[masked][masked]", ""},
		{"empty matches", rules(catalog.PrivacyRule{Pattern: `re:x*y?$`, Action: "mask"}), "abc", "abc", ""},
	} {
		row := event.Row{Path: []byte(tt.in), UserID: []byte(tt.in), Props: []event.Prop{{Key: []byte("a"), Value: []byte("1")}, {Key: []byte("note"), Value: []byte(tt.in)}}}
		e.Complete(source(tt.privacy), &row, nil)
		if tt.path == "" {
			tt.path = tt.want
		}
		if string(row.Props[1].Value) != tt.want || string(row.Path) != tt.path || string(row.UserID) != tt.in || string(row.Props[0].Value) != "1" {
			t.Errorf("%s: property %q, path %q, user %q; want %q and %q", tt.name, row.Props[1].Value, row.Path, row.UserID, tt.want, tt.path)
		}
	}
}

func TestFields(t *testing.T) {
	e := open(t, Config{Secret: []byte("k")})
	full := func() event.Row {
		v := []byte("v")
		return event.Row{ClientID: v, UserID: v, SessionID: v, URL: v, Path: v, Referrer: v, ReferrerHost: v, UTMSource: v, UTMMedium: v, UTMCampaign: v, UTMTerm: v, UTMContent: v, UserAgent: v, Net: v,
			Country: "v", Region: "v", City: "v", Device: "v", OS: "v", Browser: "v"}
	}
	values := func(r event.Row) map[string]any {
		b := event.NewBatch()
		b.Append(&r)
		m := b.Values(0)
		delete(m, "channel")
		return m
	}
	for _, name := range catalog.PrivacyFields {
		for do, want := range map[string]any{"drop": nil, "mask": "[masked]", "hash": string(newTenantKey([]byte("k"), "acme").append(nil, []byte("v")))} {
			r := full()
			e.Complete(source(&catalog.Privacy{Rules: []catalog.PrivacyRule{{Field: name, Action: do}}}), &r, nil)
			expect := values(full())
			if expect[name] = want; want == nil {
				delete(expect, name)
			}
			if d := cmp.Diff(expect, values(r)); d != "" {
				t.Errorf("%s %s:\n%s", do, name, d)
			}
		}
	}
}

func TestProperties(t *testing.T) {
	e := open(t, Config{Secret: []byte("k")})
	hash := func(s string) string { return string(newTenantKey([]byte("k"), "acme").append(nil, []byte(s))) }
	src := source(&catalog.Privacy{Rules: []catalog.PrivacyRule{{Field: "props.email", Action: "hash"}, {Field: "props.user", Action: "drop"}, {Field: "props.phone", Action: "mask"}, {Field: "props.n", Action: "hash"},
		{Field: "props.gone", Action: "drop"}}})
	prop := func(k, v string) event.Prop { return event.Prop{Key: []byte(k), Value: []byte(v)} }
	num := func(k string, v float64) event.Num { return event.Num{Key: []byte(k), Value: v} }
	row := event.Row{
		Props: []event.Prop{prop("email", "jane@example.com"), prop("user.name", "Jane"), prop("user", "x"), prop("user.address.city", "Ulm"), prop("users", "3"), prop("phone", "123"), prop("plan", "pro"),
			prop("Password", "hunter2"), prop("form.api_key", "abc"), prop("accessToken", "abc"), prop("email_count", "2"), prop("big", "4111111111111111")},
		Nums: []event.Num{num("user.age", 30), num("n", 7), num("gone", 1), num("price", 9.5), num("card", 4111111111111111), num("big", 4111111111111111), num("ts", 1773050400456), num("neg", -4111111111111111), num("nan", 1e300)},
	}
	e.Complete(src, &row, nil)
	got := map[string]string{}
	for _, p := range row.Props {
		if _, twice := got[string(p.Key)]; twice {
			t.Errorf("%s is there twice", p.Key)
		}
		got[string(p.Key)] = string(p.Value)
	}
	want := map[string]string{"email": hash("jane@example.com"), "users": "3", "phone": "[masked]", "plan": "pro", "Password": "[token]", "form.api_key": "[token]", "accessToken": "[token]", "email_count": "2", "big": "[card]", "n": hash("7"), "card": "[card]"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	nums := map[string]float64{}
	for _, v := range row.Nums {
		nums[string(v.Key)] = v.Value
	}
	if d := cmp.Diff(map[string]float64{"price": 9.5, "ts": 1773050400456, "neg": -4111111111111111, "nan": 1e300}, nums); d != "" {
		t.Error(d)
	}
}

func TestPseudonyms(t *testing.T) {
	e := open(t, Config{Secret: []byte("k")})
	ids := func(e *Enricher, tenant, site, client, user string) [2]string {
		r := event.Row{ClientID: []byte(client), UserID: []byte(user)}
		src := source(&catalog.Privacy{Pseudonymise: true})
		src.Tenant, src.SiteID = "acme", site
		if tenant != "" {
			src.Tenant = "globe"
		}
		e.Complete(src, &r, nil)
		return [2]string{string(r.ClientID), string(r.UserID)}
	}
	a := ids(e, "", "s1", "c1", "jane")
	if len(a[0]) != hashSize || len(a[1]) != hashSize || a[0] == a[1] || strings.Contains(a[0]+a[1], "jane") {
		t.Errorf("%v", a)
	}
	if b := ids(e, "", "s2", "c1", "jane"); b != a {
		t.Errorf("another source of the tenant: %v, not %v", b, a)
	}
	if b := ids(open(t, Config{Secret: []byte("k")}), "", "s1", "c1", "jane"); b != a {
		t.Errorf("after a restart: %v, not %v", b, a)
	}
	if b := ids(e, "globe", "s3", "c1", "jane"); b[0] == a[0] || b[1] == a[1] {
		t.Error("two tenants have one pseudonym")
	}
	if b := ids(open(t, Config{Secret: []byte("other")}), "", "s1", "c1", "jane"); b[0] == a[0] {
		t.Error("two installations have one pseudonym")
	}
	if b := ids(e, "", "s1", "", ""); b != [2]string{} {
		t.Errorf("no ids: %v", b)
	}
	// An alias still leads to the same person, and so does an identify with a previous id.
	for _, r := range []event.Row{
		{Type: []byte("alias"), UserID: []byte("jane"), Props: []event.Prop{{Key: []byte("previous_id"), Value: []byte("c1")}}},
		{Type: []byte("identify"), ClientID: []byte("c2"), UserID: []byte("jane"), Props: []event.Prop{{Key: []byte("previous_id"), Value: []byte("c1")}}},
		{Type: []byte("alias"), UserID: []byte("jane"), Nums: []event.Num{{Key: []byte("x"), Value: 1}, {Key: []byte("previous_id"), Value: 77}}},
	} {
		want := a[0]
		if len(r.Nums) > 0 {
			want = ids(e, "", "s1", "77", "")[0]
		}
		e.Complete(source(&catalog.Privacy{Pseudonymise: true}), &r, nil)
		if string(r.UserID) != a[1] || len(r.Props) != 1 || string(r.Props[0].Value) != want || len(r.Nums) > 1 {
			t.Errorf("%s: %s %v %v", r.Type, r.UserID, r.Props, r.Nums)
		}
	}
}

// An alias's previous_id is an id: what patterns find in other texts stays in it as it stays in client_id, so that the two still meet. Only a rule
// that names it changes it.
func TestPreviousID(t *testing.T) {
	e := open(t, Config{Secret: []byte("k")})
	hash := func(s string) string { return string(newTenantKey([]byte("k"), "acme").append(nil, []byte(s))) }
	pattern := func(p, do string) catalog.PrivacyRule { return catalog.PrivacyRule{Pattern: p, Action: do} }
	named := func(do string) catalog.PrivacyRule {
		return catalog.PrivacyRule{Field: "props.previous_id", Action: do}
	}
	for _, tt := range []struct {
		name  string
		rules []catalog.PrivacyRule
		id    string
		want  string // "=" the same as the client's id becomes
	}{
		{"card by default", nil, "4111111111111111", "="},
		{"JWT by default", nil, "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "="},
		{"e-mail masked", []catalog.PrivacyRule{pattern("email", "mask")}, "ann@example.com", "="},
		{"e-mail hashed", []catalog.PrivacyRule{pattern("email", "hash")}, "ann@example.com", "="},
		{"e-mail dropped", []catalog.PrivacyRule{pattern("email", "drop")}, "ann@example.com", "="},
		{"expression", []catalog.PrivacyRule{pattern("re:[0-9]+", "mask")}, "u77", "="},
		{"number and expression", []catalog.PrivacyRule{pattern("re:[0-9]+", "mask")}, "77", "="},
		{"masked by name", []catalog.PrivacyRule{pattern("email", "mask"), named("mask")}, "ann@example.com", "[masked]"},
		{"hashed by name", []catalog.PrivacyRule{named("hash")}, "77", hash("77")},
		{"dropped by name", []catalog.PrivacyRule{named("drop")}, "77", ""},
		{"kept by name", []catalog.PrivacyRule{pattern("email", "mask"), named("keep")}, "ann@example.com", "="},
	} {
		for _, pseudonymise := range []bool{false, true} {
			src := source(&catalog.Privacy{Pseudonymise: pseudonymise, Rules: tt.rules})
			client := event.Row{Type: []byte("view"), ClientID: []byte(tt.id)}
			e.Complete(src, &client, nil)
			want := tt.want
			if want == "=" {
				want = string(client.ClientID)
			} else if pseudonymise && want != "" {
				want = hash(want)
			}
			rows := []event.Row{{Type: []byte("alias"), UserID: []byte("U1"), Props: []event.Prop{{Key: []byte("previous_id"), Value: []byte(tt.id)}}}}
			if v, err := strconv.ParseFloat(tt.id, 64); err == nil { // an id that was sent as a number
				rows = append(rows, event.Row{Type: []byte("alias"), UserID: []byte("U1"), Nums: []event.Num{{Key: []byte("previous_id"), Value: v}}})
			}
			for i, r := range rows {
				e.Complete(src, &r, nil)
				got := string(textOf(&r, []byte("previous_id")))
				if len(r.Nums) == 1 {
					got = strconv.FormatFloat(r.Nums[0].Value, 'f', -1, 64)
				}
				if got != want {
					t.Errorf("%s (pseudonyms %v, form %d): %q, want %q as of the client %q", tt.name, pseudonymise, i, got, want, client.ClientID)
				}
			}
		}
	}
	// A property of that name of another event is a text like others.
	r := event.Row{Type: []byte("view"), Props: []event.Prop{{Key: []byte("previous_id"), Value: []byte("4111111111111111")}}, Nums: []event.Num{{Key: []byte("n"), Value: 1}}}
	if e.Complete(source(nil), &r, nil); string(r.Props[0].Value) != "[card]" {
		t.Errorf("previous_id of a view: %s", r.Props[0].Value)
	}
}

// A property that repeats an id is no way around the pseudonym.
func TestPseudonymsOfProperties(t *testing.T) {
	e := open(t, Config{Secret: []byte("k")})
	prop := func(k, v string) event.Prop { return event.Prop{Key: []byte(k), Value: []byte(v)} }
	r := event.Row{Type: []byte("alias"), ClientID: []byte("c1"), UserID: []byte("9007199254740993"), Nums: []event.Num{{Key: []byte("previous_id"), Value: 9007199254740993}},
		Props: []event.Prop{prop("subject", "c1"), prop("who", "9007199254740993"), prop("other", "c11"), prop("none", ""), prop("previous_id", "9007199254740993")}}
	e.Complete(source(&catalog.Privacy{Pseudonymise: true}), &r, nil)
	if c, u := string(r.ClientID), string(r.UserID); len(c) != hashSize || string(r.Props[0].Value) != c || string(r.Props[1].Value) != u || string(r.Props[2].Value) != "c11" ||
		string(r.Props[4].Value) != u || len(r.Props) != 5 || len(r.Nums) > 0 {
		t.Errorf("%s %s %s %v", c, u, r.Props, r.Nums)
	}
}

// What is found in the digits of a number is found when it comes as a number, and the float does not tell what the text hides.
func TestNumbers(t *testing.T) {
	e := open(t, Config{Secret: []byte("k")})
	for _, tt := range []struct {
		action, want string
		value        float64
		text         string // its digits, of a number that a float64 does not hold
	}{
		{"mask", "[masked]", 123456789, ""}, {"drop", "", 123456789, ""}, {"mask", "", 12345678, ""}, {"mask", "4[masked]", 4123456789, ""},
		{"mask", "[card]", 6212345678901234567, "6212345678901234569"}, {"mask", "6212345678901234568", 6212345678901234567, "6212345678901234568"},
	} {
		row := event.Row{Nums: []event.Num{{Key: []byte("n"), Value: tt.value}, {Key: []byte("m"), Value: 1}}}
		if tt.text != "" {
			row.Props = []event.Prop{{Key: []byte("n"), Value: []byte(tt.text)}}
		}
		pattern := `re:123456789$`
		e.Complete(source(&catalog.Privacy{Rules: []catalog.PrivacyRule{{Pattern: pattern, Action: tt.action}}}), &row, nil)
		got := ""
		for _, p := range row.Props {
			got += string(p.Value)
		}
		stays := tt.want == tt.text && tt.action != "drop"
		if got != tt.want || len(row.Nums) == 2 != stays {
			t.Errorf("%v %s %s: text %q, numbers %v", tt.value, tt.text, tt.action, got, row.Nums)
		}
	}
}

// TestPolicyChanges: a source that was changed is treated anew at once, one that was not keeps what was prepared.
func TestPolicyChanges(t *testing.T) {
	e := open(t, Config{})
	src := source(nil)
	p := e.policies.of(src)
	if same := *src; e.policies.of(&same) != p {
		t.Error("the policy is made again for the same source")
	}
	changed := *src
	changed.Privacy = &catalog.Privacy{Pseudonymise: true}
	if q := e.policies.of(&changed); !q.pseudonymise {
		t.Error("the change of the privacy is not seen")
	}
	hosts := *src
	hosts.Hostnames = []string{"a.example"}
	if q := e.policies.of(&hosts); !q.own.has([]byte("www.a.example")) {
		t.Error("the change of the hosts is not seen")
	}
	for i := range maxPolicies + 10 {
		e.policies.of(&catalog.Source{Tenant: "acme", SiteID: strconv.Itoa(i)})
	}
	if n := len(e.policies.bySite); n > maxPolicies {
		t.Errorf("%d policies are remembered", n)
	}
}

// TestCards compares the finder with what payment networks publish as numbers for tests, and their neighbours, which are none.
func TestCards(t *testing.T) {
	for _, n := range []string{"4111111111111111", "4012888888881881", "4222222222222", "5555555555554444", "5105105105105100", "2223003122003222", "378282246310005", "371449635398431",
		"6011111111111117", "6011000990139424", "30569309025904", "38520000023237", "3530111333300000", "6200000000000005"} {
		if _, _, ok := findCard([]byte(n), 0); !ok {
			t.Errorf("%s is not found", n)
		}
		last := n[len(n)-1]
		wrong := n[:len(n)-1] + string('0'+(last-'0'+1)%10)
		if _, _, ok := findCard([]byte(wrong), 0); ok {
			t.Errorf("%s is found, its check digit is wrong", wrong)
		}
		if _, _, ok := findCard([]byte("9"+n), 0); ok {
			t.Errorf("9%s is found", n)
		}
	}
}

// FuzzRedact: whatever comes, the result is text, holds no address or card that the default hides, and doing it again changes nothing.
func FuzzRedact(f *testing.F) {
	f.Add("https://jane:x@a.example/p/jane%40example.com?a=1&token=2#x=3", "4111 1111-1111%201111 eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", true)
	f.Add("//@?#", "@@.a@b.cc@d.ee", false)
	f.Add("https://a.example/%4", "%40%40a%40b.de", true)
	e := open(f, Config{Secret: []byte("k")})
	f.Fuzz(func(t *testing.T, url, text string, keepQuery bool) {
		if !utf8.ValidString(url) || !utf8.ValidString(text) {
			return
		}
		src := source(&catalog.Privacy{KeepQueryStrings: keepQuery, Rules: []catalog.PrivacyRule{{Pattern: "email", Action: "mask"}}})
		run := func(url, text string) (string, string) {
			row := event.Row{URL: []byte(url), Props: []event.Prop{{Key: []byte("a"), Value: []byte(text)}}}
			e.Complete(src, &row, []byte("before"))
			return string(row.URL), string(row.Props[0].Value)
		}
		u, v := run(url, text)
		for _, s := range []string{u, v} {
			if !utf8.ValidString(s) {
				t.Errorf("%q is no UTF-8", s)
			}
			if a, b, ok := findEmail([]byte(s), 0); ok {
				t.Errorf("%q still has %q", s, s[a:b])
			}
			if a, b, ok := findCard([]byte(s), 0); ok {
				t.Errorf("%q still has %q", s, s[a:b])
			}
		}
		if u2, v2 := run(u, v); v2 != v || u2 != u {
			t.Errorf("again: %q became %q, %q became %q", u, u2, v, v2)
		}
	})
}

func BenchmarkComplete(b *testing.B) {
	e := open(b, Config{Secret: []byte("k")})
	for name, p := range map[string]*catalog.Privacy{"default": nil, "pseudonyms": {Pseudonymise: true}, "rules": {Rules: []catalog.PrivacyRule{{Pattern: "email", Action: "mask"}, {Field: "props.email", Action: "drop"}}}} {
		b.Run(name, func(b *testing.B) {
			src := source(p)
			var arena []byte
			props := []event.Prop{{Key: []byte("plan"), Value: []byte("pro")}, {Key: []byte("title"), Value: []byte("How to choose a pair of shoes")}, {Key: []byte("theme"), Value: []byte("dark")}}
			nums := []event.Num{{Key: []byte("value"), Value: 12.5}}
			base := rowOf("https://www.shop.example/products/blue-shirt-17?utm_source=newsletter&utm_medium=email&session=4", "www.google.com")
			base.ClientID, base.UserID = []byte("0190b1b7-7b7e-7f3b-8f3b-0190b1b77b7e"), []byte("jane")
			b.ReportAllocs()
			for b.Loop() {
				row := *base
				row.Props, row.Nums = props, nums
				arena = e.Complete(src, &row, arena[:0])
			}
		})
	}
	b.Run("visitor", func(b *testing.B) {
		var dst []byte
		b.ReportAllocs()
		for b.Loop() {
			dst = e.AppendVisitor(dst[:0], "site-1", home, phone)
		}
	})
}

// The rules for addresses that docs/PRIVACY.md gives.
func TestAddressRules(t *testing.T) {
	e := open(t, Config{Secret: []byte("k")})
	r := event.Row{Type: []byte("a"), URL: []byte("https://a.example/from/203.0.113.9"), Props: []event.Prop{
		{Key: []byte("ip"), Value: []byte("203.0.113.9")}, {Key: []byte("note"), Value: []byte("seen at 203.0.113.9")}}}
	e.Complete(source(&catalog.Privacy{KeepQueryStrings: true, Rules: []catalog.PrivacyRule{{Field: "props.ip", Action: "drop"}, {Pattern: `re:\b\d{1,3}(\.\d{1,3}){3}\b`, Action: "mask"}}}), &r, nil)
	if len(r.Props) != 1 || strings.Contains(string(r.URL)+string(r.Props[0].Value), "203") {
		t.Errorf("%s %q", r.URL, r.Props)
	}
}
