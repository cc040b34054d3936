package chport

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"weir/internal/clickhouse"
)

// said is what one place of a request says about who asks.
type said struct {
	place  string
	user   string // empty: nothing
	key    string // empty: nothing
	header string // an Authorization that is handed on as it stands; empty: one is made of user and key
}

// places are those of a request that may have credentials, the first before the others: the headers of the protocol, Authorization, parameters.
func places(r *http.Request, q url.Values) []said {
	a := said{place: "the header Authorization"}
	if h := r.Header.Get("Authorization"); h != "" {
		var ok bool
		if a.user, a.key, ok = r.BasicAuth(); !ok {
			a.header, a.key = h, h
			if scheme, key, _ := strings.Cut(h, " "); strings.EqualFold(scheme, "Bearer") {
				a.key = strings.TrimSpace(key)
			}
		}
	}
	return []said{
		{place: "the headers " + clickhouse.HeaderUser + " and " + clickhouse.HeaderKey, user: r.Header.Get(clickhouse.HeaderUser), key: r.Header.Get(clickhouse.HeaderKey)},
		a,
		{place: "user and password in the URL", user: q.Get("user"), key: q.Get("password")},
	}
}

// named says whether a user is more than what clients send who have none.
func named(user string) bool { return user != "" && user != "default" }

// credentials returns the user and the header Authorization that says the same as what the request has. Drivers may send the same at several places;
// where two say something else it would be chance who asks.
func credentials(r *http.Request, q url.Values) (user, header string, e *exception) {
	for _, name := range []string{"Authorization", clickhouse.HeaderUser, clickhouse.HeaderKey} {
		if different(r.Header.Values(name)) {
			return "", "", exceptionf(codeAuthFailed, "Authentication failed: the header %s is given twice and says different things: send it once", name)
		}
	}
	for _, name := range []string{"user", "password"} {
		if different(q[name]) {
			return "", "", exceptionf(codeAuthFailed, "Authentication failed: %s is given twice in the URL and says different things: give it once", name)
		}
	}
	all := places(r, q)
	var by said // what has the key
	for i, s := range all {
		for _, t := range all[:i] {
			if s.key != "" && t.key != "" && s.key != t.key || named(s.user) && named(t.user) && s.user != t.user {
				return "", "", exceptionf(codeAuthFailed, "Authentication failed: %s and %s say different things: give the user and the password at one of these places", t.place, s.place)
			}
		}
		if named(s.user) && !named(user) || user == "" {
			user = s.user
		}
		if by.key == "" {
			by = s
		}
	}
	switch {
	case by.key == "":
		return user, "", nil
	case by.header != "":
		return user, by.header, nil
	}
	return user, "Basic " + base64.StdEncoding.EncodeToString([]byte(strings.ReplaceAll(user, ":", "")+":"+by.key)), nil
}

// different says whether a list has more than one value.
func different(values []string) bool {
	return slices.ContainsFunc(values, func(v string) bool { return v != values[0] })
}
