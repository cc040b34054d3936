package enrich

import (
	"bytes"
	"encoding/hex"
)

// A clue is what a text has of what the finders look for: most texts have nothing, and are not gone through any further.
type clue uint8

const (
	clueAt     clue = 1 << iota // an @
	clueEscape                  // a %, which may be that of an @
	clueJ                       // the J of a token's beginning, a rare letter
)

// clueOf are the clues that bytes are, and isDigitOf which of them are digits.
var clueOf, isDigitOf = func() (clues [256]clue, digits [256]uint8) {
	clues['@'], clues['%'], clues['J'] = clueAt, clueEscape, clueJ
	for c := '0'; c <= '9'; c++ {
		digits[c] = 1
	}
	return clues, digits
}()

// clues looks for all of them at once. cards says whether there are as many digits as a card has.
func clues(s []byte) (found clue, cards bool) {
	digits := 0
	for _, c := range s {
		found |= clueOf[c]
		digits += int(isDigitOf[c])
	}
	return found, digits >= minCard
}

// mayBeEmail says whether a text with these clues may have an e-mail address.
func (found clue) mayBeEmail(s []byte) bool {
	return found&clueAt != 0 || found&clueEscape != 0 && (bytes.Contains(s, escapedAt) || bytes.Contains(s, escapedTwice))
}

// findEmail finds the first e-mail address at or behind from. In a URL its @ may be written %40, and %2540 in a URL inside of another.
func findEmail(s []byte, from int) (start, end int, ok bool) {
	for i := from; i < len(s); i++ {
		n := 1
		switch {
		case s[i] == '@':
		case s[i] == '%' && i+2 < len(s) && s[i+1] == '4' && s[i+2] == '0':
			n = 3
		case bytes.HasPrefix(s[i:], escapedTwice):
			n = 5
		default:
			next := bytes.IndexAny(s[i+1:], "@%")
			if next < 0 {
				return 0, 0, false
			}
			i += next // and one more
			continue
		}
		if start, end, ok = emailAround(s, from, i, i+n); ok {
			return start, end, true
		}
	}
	return 0, 0, false
}

// The @ of an e-mail address in a URL, and in a URL that is the parameter of another.
var escapedAt, escapedTwice = []byte("%40"), []byte("%2540")

// emailAround says whether an address stands around its @, which is s[at:behind].
func emailAround(s []byte, from, at, behind int) (start, end int, ok bool) {
	start = at
	for start > from {
		if c, ok := escapeBefore(s[from:], start-from); ok {
			if !isLocal(c) { // as in %2Fjane@…
				break
			}
			start -= 3
		} else if isLocal(s[start-1]) {
			start--
		} else {
			break
		}
	}
	for start < at && s[start] == '.' {
		start++
	}
	if start == at {
		return 0, 0, false
	}
	end, label, before, dots := behind, behind, behind, 0
	for i := behind; i < len(s); {
		if c := s[i]; isAlnum(c) || c == '-' || c >= 0x80 {
			i++
			end = i
			continue
		}
		n := dot(s[i:])
		if n == 0 || i == label {
			break
		}
		dots++
		i += n
		before, label = label, i
	}
	if label > end { // a dot at the end is the sentence's
		label = before
		dots--
	}
	top := s[label:end]
	if dots < 1 || len(top) < 2 || !isAlpha(top[0]) {
		return 0, 0, false
	}
	if first := s[behind:]; len(first) > 3 && first[0] >= '1' && first[0] <= '9' && first[1] == 'x' && first[2] == '.' { // image@2x.png
		return 0, 0, false
	}
	return start, end, true
}

// escapeBefore is the byte that the escape in front of s[i] stands for, if there is one.
func escapeBefore(s []byte, i int) (c byte, ok bool) {
	if i < 3 || s[i-3] != '%' {
		return 0, false
	}
	var b [1]byte
	_, err := hex.Decode(b[:], s[i-2:i])
	return b[0], err == nil
}

func isAlpha(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80 }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isAlnum(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || isDigit(c) }
func isLocal(c byte) bool {
	return isAlnum(c) || c == '.' || c == '_' || c == '-' || c == '+' || c == '\'' || c >= 0x80
}

// Cards have 13 to 19 digits.
const (
	minCard = 13
	maxCard = 19
)

// findCard finds the first number of a payment card at or behind from: digits, perhaps in groups, that begin, are as many and end as an
// issuer's do (isCard). Other groups may stand before and behind it, as an expiry date does.
func findCard(s []byte, from int) (start, end int, ok bool) {
	for i := from; i < len(s); i++ {
		if !isDigit(s[i]) {
			continue
		}
		switch {
		case escaped(s, i+2): // of an escape
			i++
		case escaped(s, i+1):
		case i-2 >= from && s[i-1] == '.' && isDigit(s[i-2]), i > 0 && isAlnum(s[i-1]) && !escaped(s, i): // of a fraction, of a word
			for i < len(s) && isAlnum(s[i]) {
				i++
			}
		case isUUID(s[i:]):
			i += uuidSize - 1
		default:
			if end = cardAt(s, i); end > 0 {
				return i, end, true
			}
			for i < len(s) && isDigit(s[i]) { // the next group may be the first of one
				i++
			}
		}
	}
	return 0, 0, false
}

// cardAt is where the longest number of a card ends that begins at i; 0 if there is none.
func cardAt(s []byte, i int) (end int) {
	var digits [maxCard]byte
	for n := 0; i < len(s); {
		if !isDigit(s[i]) {
			gap := separator(s[i:])
			if gap == 0 || isUUID(s[i+gap:]) {
				break
			}
			i += gap
		}
		if n == maxCard {
			break
		}
		digits[n] = s[i]
		n, i = n+1, i+1
		if n >= minCard && (i == len(s) || !isAlnum(s[i])) && isCard(digits[:n]) {
			end = i
		}
	}
	return end
}

// separator is the length of what stands between two groups of digits: a blank or a hyphen, in a query also a + or an escape; 0 if there is none.
func separator(s []byte) int {
	n := 0
	switch {
	case s[0] == ' ' || s[0] == '-' || s[0] == '+':
		n = 1
	case s[0] == '%' && len(s) > 3 && s[1] == '2' && (s[2] == '0' || s[2] == 'B' || s[2] == 'b' || s[2] == 'D' || s[2] == 'd'):
		n = 3
	default:
		return 0
	}
	if len(s) <= n || !isDigit(s[n]) {
		return 0
	}
	return n
}

// escaped says whether an escape ends in front of s[i].
func escaped(s []byte, i int) bool {
	if i > len(s) {
		return false
	}
	_, ok := escapeBefore(s, i)
	return ok
}

const uuidSize = 36

// isUUID says whether a text begins with a UUID: its groups of digits are no card's.
func isUUID(s []byte) bool {
	if len(s) < uuidSize || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' || len(s) > uuidSize && isAlnum(s[uuidSize]) {
		return false
	}
	for i, c := range s[:uuidSize] {
		if c != '-' && !(isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') || c == '-' && i != 8 && i != 13 && i != 18 && i != 23 {
			return false
		}
	}
	return true
}

// isCard says whether digits are the number of a payment card: an issuer's prefix with a length that it uses (ISO/IEC 7812 ranges of Visa,
// Mastercard, American Express, Discover, Diners Club, JCB, UnionPay, Maestro), and a check digit after Luhn.
func isCard(d []byte) bool {
	n := len(d)
	prefix := func(k int) (v int) {
		for _, c := range d[:k] {
			v = v*10 + int(c-'0')
		}
		return v
	}
	two, four := prefix(2), prefix(4)
	known := false
	switch {
	case d[0] == '4':
		known = n == 13 || n == 16 || n == 19
	case two >= 51 && two <= 55, four >= 2221 && four <= 2720:
		known = n == 16
	case two == 34 || two == 37:
		known = n == 15
	case four == 6011 || two == 65 || four >= 6440 && four <= 6499, two == 62:
		known = n >= 16
	case two == 36 || two == 38 || four >= 3000 && four <= 3059:
		known = n == 14
	case four >= 3528 && four <= 3589:
		known = n >= 16
	case four == 5018 || four == 5020 || four == 5038 || four == 6304:
		known = n >= 13
	}
	return known && luhn(d)
}

// luhn checks the last digit of a number (ISO/IEC 7812-1 annex B).
func luhn(d []byte) bool {
	sum := 0
	for i := range d {
		v := int(d[len(d)-1-i] - '0')
		if i%2 == 1 {
			if v *= 2; v > 9 {
				v -= 9
			}
		}
		sum += v
	}
	return sum%10 == 0
}

// dot is the length of the dot that a text begins with, which may be escaped; 0 if there is none.
func dot(s []byte) int {
	switch {
	case len(s) > 0 && s[0] == '.':
		return 1
	case len(s) > 2 && s[0] == '%' && s[1] == '2' && s[2]|0x20 == 'e':
		return 3
	}
	return 0
}

var jwtStart = []byte("eyJ")

// findJWT finds the first JSON web token (RFC 7519) at or behind from: three parts in base64url, the first two of objects.
func findJWT(s []byte, from int) (start, end int, ok bool) {
	for from < len(s) {
		i := bytes.Index(s[from:], jwtStart)
		if i < 0 {
			return 0, 0, false
		}
		start = from + i
		end, parts := start, 1
		for end < len(s) {
			if n := dot(s[end:]); n > 0 {
				parts++
				end += n
			} else if isAlnum(s[end]) || s[end] == '-' || s[end] == '_' {
				end++
			} else {
				break
			}
		}
		if parts >= 3 && end-start >= 32 && (start == 0 || !isAlnum(s[start-1]) || escaped(s, start)) {
			return start, end, true
		}
		from = max(end, start+len(jwtStart))
	}
	return 0, 0, false
}

// secretParameters are names, in lower case, of a URL's parameters whose values open something.
var secretParameters = map[string]bool{
	"token": true, "access_token": true, "id_token": true, "refresh_token": true, "auth": true, "auth_token": true, "authorization": true, "api_key": true, "apikey": true, "api-key": true,
	"secret": true, "client_secret": true, "password": true, "passwd": true, "pwd": true, "pass": true, "session": true, "sessionid": true, "session_id": true, "sid": true, "phpsessid": true, "jsessionid": true, "jwt": true,
	"signature": true, "sig": true, "x-amz-signature": true, "x-amz-security-token": true, "x-amz-credential": true, "x-goog-signature": true, "otp": true, "reset_token": true, "invite_token": true, "magic": true,
	"magic_link": true, "ticket": true, "csrf": true, "csrf_token": true, "_token": true, "samlresponse": true, "samlrequest": true, "code_verifier": true, "assertion": true, "hash_token": true,
	"accesstoken": true, "idtoken": true, "refreshtoken": true, "authtoken": true, "clientsecret": true, "resettoken": true, "invitetoken": true, "csrftoken": true,
}

// shapes are the lengths and first letters of names in lower case: most words are of another, which costs less to see than to look them up.
type shapes [maxWord + 1]uint32

func shapesOf[V any](names map[string]V) *shapes {
	var s shapes
	for name := range names {
		s[len(name)] |= 1 << (name[0] & 31)
	}
	return &s
}

// has says whether there may be such a name: a letter and its capital share five bits.
func (s *shapes) has(name []byte) bool {
	return len(name) > 0 && len(name) <= maxWord && s[len(name)]&(1<<(name[0]&31)) != 0
}

var maySecretProperty, mayClickID = shapesOf(secretProperties), shapesOf(clickIDs)

// secretProperties are names, in lower case, of properties whose values open something.
var secretProperties = map[string]bool{
	"password": true, "passwd": true, "pwd": true, "secret": true, "client_secret": true, "access_token": true, "id_token": true, "refresh_token": true, "auth_token": true, "api_key": true, "apikey": true,
	"authorization": true, "credit_card": true, "creditcard": true, "card_number": true, "cardnumber": true, "cvv": true, "cvc": true,
	"accesstoken": true, "idtoken": true, "refreshtoken": true, "authtoken": true, "clientsecret": true,
}
