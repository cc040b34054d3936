package enrich

import (
	"bytes"
	"strconv"

	"weir/internal/event"
)

// A redaction is the work on one event. New texts go to arena.
type redaction struct {
	p     *policy
	arena []byte
	found [kinds]int
}

// What is counted.
const (
	kindEmail = iota
	kindCard
	kindToken
	kindExpression
	kindField
	kinds
)

var kindNames = [kinds]string{"email", "card", "token", "expression", "field"}

// Words that stand for what was there.
var masks = [kinds]string{"[email]", "[card]", "[token]", "[masked]", "[masked]"}

// put appends what a text becomes.
func (x *redaction) put(dst []byte, do action, kind int, text []byte) []byte {
	x.found[kind]++
	switch do {
	case hashed:
		return x.p.keys.append(dst, text)
	case mask:
		return append(dst, masks[kind]...)
	}
	return dst
}

// instead is what a whole text becomes.
func (x *redaction) instead(do action, kind int, text []byte) []byte {
	if do == keep || len(text) == 0 {
		return text
	}
	n := len(x.arena)
	x.arena = x.put(x.arena, do, kind, text)
	return x.arena[n:len(x.arena):len(x.arena)]
}

// row does all that a source's settings say, but for the identities.
func (x *redaction) row(r *event.Row) {
	for _, f := range x.p.fields {
		x.field(r, f)
	}
	for _, t := range [...]*[]byte{&r.URL, &r.Path, &r.Referrer, &r.UTMSource, &r.UTMMedium, &r.UTMCampaign, &r.UTMTerm, &r.UTMContent} {
		if len(*t) > 0 {
			*t = x.text(*t, x.p.email)
		}
	}
	x.props(r)
	x.nums(r)
}

// text replaces what the patterns find.
func (x *redaction) text(s []byte, email action) []byte {
	found, cards := clues(s) // what becomes of one of them is nothing that the others look for
	if email != keep && found.mayBeEmail(s) {
		s = x.each(s, email, kindEmail, findEmail)
	}
	if x.p.card != keep && cards {
		s = x.each(s, x.p.card, kindCard, findCard)
	}
	if x.p.token != keep && found&clueJ != 0 {
		s = x.each(s, x.p.token, kindToken, findJWT)
	}
	if len(x.p.expressions) == 0 {
		return s
	}
	return x.expressions(s)
}

// maxMatches bounds what is found in one text by one expression: each search may have to read all of the rest. What follows counts as found.
const maxMatches = 100

// expressions replaces what the source's own expressions find.
func (x *redaction) expressions(s []byte) []byte {
	for i := range x.p.expressions {
		e := &x.p.expressions[i]
		if e.do == keep {
			continue
		}
		searches := 0
		s = x.each(s, e.do, kindExpression, func(s []byte, from int) (start, end int, ok bool) {
			if searches++; searches > maxMatches {
				return from, len(s), from < len(s)
			}
			at := e.re.FindIndex(s[from:])
			if at == nil || at[0] == at[1] {
				return 0, 0, false
			}
			return from + at[0], from + at[1], true
		})
	}
	return s
}

// each replaces every text that find finds.
func (x *redaction) each(s []byte, do action, kind int, find func(s []byte, from int) (start, end int, ok bool)) []byte {
	start, end, ok := find(s, 0)
	if !ok {
		return s
	}
	n, done := len(x.arena), 0
	for ok {
		x.arena = append(x.arena, s[done:start]...)
		x.arena = x.put(x.arena, do, kind, s[start:end])
		done = end
		start, end, ok = find(s, end)
	}
	x.arena = append(x.arena, s[done:]...)
	return x.arena[n:len(x.arena):len(x.arena)]
}

// field applies a rule to a column.
func (x *redaction) field(r *event.Row, f fieldRule) {
	if t := textField(r, f.name); t != nil {
		*t = x.instead(f.do, kindField, *t)
	} else if t := stringField(r, f.name); t != nil && *t != "" {
		*t = string(x.instead(f.do, kindField, []byte(*t)))
	}
}

func textField(r *event.Row, name string) *[]byte {
	switch name {
	case "client_id":
		return &r.ClientID
	case "user_id":
		return &r.UserID
	case "session_id":
		return &r.SessionID
	case "url":
		return &r.URL
	case "path":
		return &r.Path
	case "referrer":
		return &r.Referrer
	case "referrer_host":
		return &r.ReferrerHost
	case "utm_source":
		return &r.UTMSource
	case "utm_medium":
		return &r.UTMMedium
	case "utm_campaign":
		return &r.UTMCampaign
	case "utm_term":
		return &r.UTMTerm
	case "utm_content":
		return &r.UTMContent
	case "user_agent":
		return &r.UserAgent
	case "net":
		return &r.Net
	}
	return nil
}

func stringField(r *event.Row, name string) *string {
	switch name {
	case "country":
		return &r.Country
	case "region":
		return &r.Region
	case "city":
		return &r.City
	case "device":
		return &r.Device
	case "os":
		return &r.OS
	case "browser":
		return &r.Browser
	}
	return nil
}

// ofProperty is what is done with a property: by its own rule, that of an object that it belongs to, or because of its name.
func (p *policy) ofProperty(key []byte) (do action, kind int) {
	if p.props != nil {
		if do, ok := p.props[string(key)]; ok {
			return do, kindField
		}
		for i := len(key) - 1; i > 0; i-- {
			if key[i] == '.' {
				if do, ok := p.props[string(key[:i])]; ok {
					return do, kindField
				}
			}
		}
	}
	if p.token != keep {
		name := key[bytes.LastIndexByte(key, '.')+1:]
		if maySecretProperty.has(name) {
			var buf [maxWord]byte
			if low := lower(&buf, name); secretProperties[string(low)] {
				return p.token, kindToken
			}
		}
	}
	return keep, 0
}

func (x *redaction) props(r *event.Row) {
	kept, joins := r.Props[:0], joins(r)
	for _, p := range r.Props {
		do, kind := x.p.ofProperty(p.Key)
		switch {
		case do == drop:
			x.found[kind]++
			continue
		case do != keep:
			p.Value = x.instead(do, kind, p.Value)
		case joins && bytes.Equal(p.Key, previousID): // an id: patterns do not look at it
		default:
			p.Value = x.text(p.Value, x.p.emailProps)
		}
		kept = append(kept, p)
	}
	r.Props = kept
}

// minCardNumber is the least number that has as many digits as a card.
const minCardNumber = 1e12

// nums takes away numbers that may not stay; what is left of one becomes a text of the same name.
func (x *redaction) nums(r *event.Row) {
	kept, joins := r.Nums[:0], joins(r)
	for _, v := range r.Nums {
		switch do, kind := x.p.ofProperty(v.Key); {
		case do == drop:
			x.found[kind]++
		case do != keep:
			if textOf(r, v.Key) == nil { // the digits of a large number were taken care of
				digits := strconv.AppendFloat(nil, v.Value, 'f', -1, 64)
				r.Props = append(r.Props, event.Prop{Key: v.Key, Value: x.instead(do, kind, digits)})
			}
		case joins && bytes.Equal(v.Key, previousID), !x.findInNumber(r, v):
			kept = append(kept, v)
		}
	}
	r.Nums = kept
}

// findInNumber does what the patterns say about the digits of a number. It says whether that was anything.
func (x *redaction) findInNumber(r *event.Row, v event.Num) bool {
	card := x.p.card != keep && v.Value >= minCardNumber && v.Value < 1e19 && v.Value == float64(uint64(v.Value))
	if !card && len(x.p.expressions) == 0 {
		return false
	}
	if text := textOf(r, v.Key); text != nil { // the digits of a large number, which went the way of all texts
		same, err := strconv.ParseFloat(string(text), 64)
		return err != nil || same != v.Value
	}
	become := func(text []byte) bool {
		if len(text) > 0 {
			r.Props = append(r.Props, event.Prop{Key: v.Key, Value: text})
		}
		return true
	}
	if card {
		var buf [20]byte
		if d := strconv.AppendUint(buf[:0], uint64(v.Value), 10); len(d) <= maxCard && isCard(d) {
			return become(x.instead(x.p.card, kindCard, bytes.Clone(d)))
		}
	}
	if len(x.p.expressions) > 0 {
		digits := strconv.AppendFloat(nil, v.Value, 'f', -1, 64)
		if out := x.expressions(digits); !bytes.Equal(out, digits) {
			return become(out)
		}
	}
	return false
}

// textOf is the text property of that name; nil if there is none.
func textOf(r *event.Row, key []byte) []byte {
	for i := range r.Props {
		if bytes.Equal(r.Props[i].Key, key) {
			return r.Props[i].Value
		}
	}
	return nil
}

// url takes away what of the query does not stay, user and password, and a fragment with parameters. It says what the names of the
// parameters mean for the channel.
func (x *redaction) url(u []byte) (out []byte, click string) {
	q, at := bytes.IndexByte(u, '?'), userInfo(u)
	if hash := bytes.IndexByte(u, '#'); hash >= 0 && (q < 0 || hash < q) {
		q = hash
	}
	if q < 0 && at < 0 {
		return u, ""
	}
	n := len(x.arena)
	head := u
	if q >= 0 {
		head = u[:q]
	}
	if at >= 0 {
		slash := bytes.Index(head, []byte("//")) + 2
		x.arena = append(append(x.arena, head[:slash]...), head[at+1:]...)
		x.found[kindToken]++
	} else {
		x.arena = append(x.arena, head...)
	}
	if q >= 0 {
		rest, fragment := u[q:], []byte(nil)
		if i := bytes.IndexByte(rest, '#'); i >= 0 {
			rest, fragment = rest[:i], rest[i+1:]
		}
		if len(rest) > 1 {
			click = x.parameters('?', rest[1:])
		}
		x.fragment(fragment)
	}
	return x.arena[n:len(x.arena):len(x.arena)], click
}

// userInfo is where the user and password of a URL end, with their @; -1 if there are none.
func userInfo(u []byte) int {
	if bytes.IndexByte(u, '@') < 0 {
		return -1
	}
	i := bytes.Index(u, []byte("//"))
	if i < 0 || bytes.ContainsAny(u[:i], "/?#@") {
		return -1
	}
	authority := u[i+2:]
	if j := bytes.IndexAny(authority, "/?#"); j >= 0 {
		authority = authority[:j]
	}
	if j := bytes.LastIndexByte(authority, '@'); j >= 0 {
		return i + 2 + j
	}
	return -1
}

// fragment appends a fragment: a place in the page or a route stays, parameters are treated as those of a query.
func (x *redaction) fragment(f []byte) {
	x.arena = append(x.arena, '#')
	n := len(x.arena)
	route, params, _ := bytes.Cut(f, []byte("?"))
	sep := byte('?')
	if bytes.IndexByte(route, '=') < 0 {
		x.arena = append(x.arena, route...)
	} else if x.parameters(0, route); len(x.arena) == n {
		sep = 0
	}
	x.parameters(sep, params)
	if len(x.arena) == n {
		x.arena = x.arena[:n-1]
	}
}

var utmPrefix = []byte("utm_")

// routed is a parameter's name without what begins some routes.
func routed(name []byte) []byte {
	for len(name) > 0 && (name[0] == '/' || name[0] == '!') {
		name = name[1:]
	}
	return name
}

// parameters appends those that stay, behind sep (0: nothing).
func (x *redaction) parameters(sep byte, query []byte) (click string) {
	for len(query) > 0 {
		param := query
		if i := bytes.IndexByte(query, '&'); i >= 0 {
			param, query = query[:i], query[i+1:]
		} else {
			query = nil
		}
		if len(param) == 0 {
			continue
		}
		name, value := param, []byte(nil)
		if i := bytes.IndexByte(param, '='); i >= 0 {
			name, value = param[:i], param[i+1:]
		}
		var buf [maxWord]byte
		low := lower(&buf, routed(name))
		if bytes.HasPrefix(low, utmPrefix) { // which say nothing of clicks and open nothing
			if sep != 0 {
				x.arena = append(x.arena, sep)
			}
			sep = '&'
			x.arena = append(x.arena, param...)
			continue
		}
		if mayClickID.has(low) && len(value) > 0 {
			if c := clickIDs[string(low)]; c != "" && (click == "" || c == channelPaid) {
				click = c
			}
		}
		if !x.p.keepQueryStrings && !x.p.parameters[string(low)] {
			continue
		}
		secret := x.p.token != keep && len(value) > 0 && secretParameters[string(low)]
		if secret && x.p.token == drop {
			x.found[kindToken]++
			continue
		}
		if sep != 0 {
			x.arena = append(x.arena, sep)
		}
		sep = '&'
		if secret {
			x.arena = append(append(x.arena, name...), '=')
			x.arena = x.put(x.arena, x.p.token, kindToken, value)
		} else {
			x.arena = append(x.arena, param...)
		}
	}
	return click
}

var (
	typeAlias    = []byte(event.TypeAlias)
	typeIdentify = []byte(event.TypeIdentify)
	previousID   = []byte(event.PropPrevious)
)

// joins says whether an event's previous_id is an id of a person, which joins it.
func joins(r *event.Row) bool {
	return bytes.Equal(r.Type, typeAlias) || bytes.Equal(r.Type, typeIdentify)
}

// identities replaces the ids of persons by their hashes: the same person stays the same in all sources of the tenant. A property that repeats one of
// the ids, as the subject of a CloudEvent does, becomes the same hash.
func (x *redaction) identities(r *event.Row) {
	hash := func(v []byte) []byte {
		if len(v) == 0 {
			return v
		}
		n := len(x.arena)
		x.arena = x.p.keys.append(x.arena, v)
		return x.arena[n:len(x.arena):len(x.arena)]
	}
	client, user := r.ClientID, r.UserID
	r.ClientID, r.UserID = hash(client), hash(user)
	joins := joins(r)
	for i := range r.Props {
		switch p := &r.Props[i]; {
		case len(p.Value) == 0:
		case bytes.Equal(p.Value, client):
			p.Value = r.ClientID
		case bytes.Equal(p.Value, user):
			p.Value = r.UserID
		case joins && bytes.Equal(p.Key, previousID):
			p.Value = hash(p.Value)
		}
	}
	if !joins {
		return
	}
	for i, v := range r.Nums { // an id that was sent as a number
		if bytes.Equal(v.Key, previousID) {
			r.Nums = append(r.Nums[:i], r.Nums[i+1:]...)
			if textOf(r, previousID) == nil {
				r.Props = append(r.Props, event.Prop{Key: previousID, Value: hash(strconv.AppendFloat(nil, v.Value, 'f', -1, 64))})
			}
			break
		}
	}
}
