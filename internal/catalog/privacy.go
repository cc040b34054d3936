package catalog

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Privacy is what a source's owner decides about personal data. The zero value is the default.
type Privacy struct {
	// ConsentRequired tells the browser SDK to send nothing before the visitor agreed.
	ConsentRequired bool `json:"consent_required,omitempty"`
	// Cookieless says that visitors are told apart by an id of the day only: what a browser sends as client_id and session_id is not kept.
	Cookieless bool `json:"cookieless,omitempty"`
	// Pseudonymise replaces client_id and user_id by a keyed hash of the tenant.
	Pseudonymise bool `json:"pseudonymise,omitempty"`
	// KeepQueryStrings keeps the query strings of url and referrer whole; else only QueryParameters and utm_* stay.
	KeepQueryStrings bool     `json:"keep_query_strings,omitempty"`
	QueryParameters  []string `json:"query_parameters,omitempty"`
	// Rules come before the defaults.
	Rules []PrivacyRule `json:"rules,omitempty"`
}

// PrivacyRule does something with one field, or with what matches a pattern. Exactly one of Field and Pattern is set.
type PrivacyRule struct {
	Field   string `json:"field,omitempty"`   // a name of PrivacyFields, or props.NAME
	Pattern string `json:"pattern,omitempty"` // a name of PrivacyPatterns, or re: and a regular expression
	Action  string `json:"action"`
}

// The actions of a PrivacyRule.
const (
	PrivacyDrop = "drop" // the field is empty, the matching text is cut out
	PrivacyHash = "hash" // replaced by a keyed hash of the tenant: equal values stay equal
	PrivacyMask = "mask" // replaced by a word that says what was there
	PrivacyKeep = "keep" // nothing is done; it switches off the default for a pattern
)

// The patterns that have a name.
const (
	PatternEmail = "email" // an e-mail address
	PatternCard  = "card"  // the number of a payment card: issuer's prefix, length and check digit are right
	PatternToken = "token" // the value of a URL's parameter whose name says that it is secret, and a JSON web token
)

// PrivacyPatterns are the patterns that have a name.
var PrivacyPatterns = []string{PatternEmail, PatternCard, PatternToken}

// PrivacyFields are the columns that a rule can name.
var PrivacyFields = []string{"client_id", "user_id", "session_id", "url", "path", "referrer", "referrer_host", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content",
	"country", "region", "city", "device", "os", "browser", "user_agent", "net"}

// expressionPrefix begins a pattern that is a regular expression.
const expressionPrefix = "re:"

// propPrefix begins a field that is a property.
const propPrefix = "props."

// Bounds of a Privacy.
const (
	MaxPrivacyRules   = 50
	maxPrivacyPattern = 200
	maxQueryParams    = 100
	maxPrivacyName    = 256
)

// A PrivacyError says which part of a Privacy cannot be used.
type PrivacyError struct{ Field, Message string }

func (e *PrivacyError) Error() string { return e.Field + ": " + e.Message }

// Property is the property that a rule names, if it names one.
func (r PrivacyRule) Property() (name string, ok bool) { return strings.CutPrefix(r.Field, propPrefix) }

// Expression is the regular expression of a rule, or nil if it has none.
func (r PrivacyRule) Expression() (*regexp.Regexp, error) {
	text, ok := strings.CutPrefix(r.Pattern, expressionPrefix)
	if !ok {
		return nil, nil
	}
	return regexp.Compile(text)
}

// Validate reports the first thing that cannot be used, as a *PrivacyError.
func (p Privacy) Validate() error {
	fail := func(field, format string, args ...any) error {
		return &PrivacyError{field, fmt.Sprintf(format, args...)}
	}
	if len(p.QueryParameters) > maxQueryParams {
		return fail("query_parameters", "%d names, the limit is %d", len(p.QueryParameters), maxQueryParams)
	}
	for i, name := range p.QueryParameters {
		if name == "" || len(name) > maxPrivacyName || strings.ContainsAny(name, "&=?#%+ ") || !utf8.ValidString(name) {
			return fail(fmt.Sprintf("query_parameters[%d]", i), "%q is not the name of a parameter: 1 to %d characters without & = ? # %% + and blanks", name, maxPrivacyName)
		}
	}
	if len(p.Rules) > MaxPrivacyRules {
		return fail("rules", "%d rules, the limit is %d", len(p.Rules), MaxPrivacyRules)
	}
	for i, r := range p.Rules {
		if field, message := r.check(); message != "" {
			return fail(fmt.Sprintf("rules[%d].%s", i, field), "%s", message)
		}
	}
	return nil
}

// check returns what is wrong with a rule and in which part of it.
func (r PrivacyRule) check() (field, message string) {
	switch r.Action {
	case PrivacyDrop, PrivacyHash, PrivacyMask:
	case PrivacyKeep:
		if r.Field != "" {
			return "action", "keep is for patterns: leave the rule out to keep a field"
		}
	default:
		return "action", fmt.Sprintf("%q is none of drop, hash, mask and keep", r.Action)
	}
	switch {
	case r.Field == "" && r.Pattern == "":
		return "field", "a rule has a field or a pattern: set one of them"
	case r.Field != "" && r.Pattern != "":
		return "pattern", "a rule has a field or a pattern, not both: make two rules"
	case r.Field != "":
		return r.checkField()
	}
	return r.checkPattern()
}

func (r PrivacyRule) checkField() (field, message string) {
	if name, ok := r.Property(); ok {
		if name == "" || len(name) > maxPrivacyName || !utf8.ValidString(name) {
			return "field", fmt.Sprintf("props. is followed by the name of a property, 1 to %d bytes", maxPrivacyName)
		}
		return "", ""
	}
	if !slices.Contains(PrivacyFields, r.Field) {
		return "field", fmt.Sprintf("%q is none of %s, and no property like props.email", r.Field, strings.Join(PrivacyFields, ", "))
	}
	return "", ""
}

func (r PrivacyRule) checkPattern() (field, message string) {
	if slices.Contains(PrivacyPatterns, r.Pattern) {
		return "", ""
	}
	if !strings.HasPrefix(r.Pattern, expressionPrefix) {
		return "pattern", fmt.Sprintf("%q is none of %s; a regular expression begins with re:", r.Pattern, strings.Join(PrivacyPatterns, ", "))
	}
	if len(r.Pattern) > maxPrivacyPattern {
		return "pattern", fmt.Sprintf("%d bytes, the limit is %d", len(r.Pattern), maxPrivacyPattern)
	}
	x, err := r.Expression()
	switch {
	case err != nil:
		return "pattern", err.Error()
	case x.MatchString(""):
		return "pattern", "the expression matches the empty text, and so everywhere: require at least one character"
	}
	return "", ""
}
