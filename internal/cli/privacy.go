package cli

import (
	"fmt"
	"strings"
)

// sourcePrivacy is a source's privacy as the API shows it.
type sourcePrivacy struct {
	ConsentRequired  bool          `json:"consent_required"`
	Cookieless       bool          `json:"cookieless"`
	Pseudonymise     bool          `json:"pseudonymise"`
	KeepQueryStrings bool          `json:"keep_query_strings"`
	QueryParameters  []string      `json:"query_parameters"`
	Rules            []privacyRule `json:"rules"`
}

type privacyRule struct {
	Field   string `json:"field,omitempty"`
	Pattern string `json:"pattern,omitempty"`
	Action  string `json:"action"`
}

// String is what differs from the defaults, in a few words.
func (p sourcePrivacy) String() string {
	var parts []string
	for _, f := range []struct {
		set  bool
		name string
	}{{p.ConsentRequired, "consent"}, {p.Cookieless, "cookieless"}, {p.Pseudonymise, "pseudonymise"}, {p.KeepQueryStrings, "query-strings"}} {
		if f.set {
			parts = append(parts, f.name)
		}
	}
	if len(p.QueryParameters) > 0 {
		parts = append(parts, "params="+strings.Join(p.QueryParameters, ","))
	}
	for _, r := range p.Rules {
		parts = append(parts, r.Field+r.Pattern+"="+r.Action)
	}
	return orDash(strings.Join(parts, " "))
}

// PrivacyFields are the flags about personal data; what is not given stays as it is.
type PrivacyFields struct {
	ConsentRequired   *bool    `help:"The browser SDK sends nothing before the visitor agreed." negatable:"" json:"-"`
	Cookieless        *bool    `help:"Keep no id of a browser: visitors are told apart by an id of the day." negatable:"" json:"-"`
	Pseudonymise      *bool    `help:"Replace client_id and user_id by a keyed hash of the tenant." negatable:"" json:"-"`
	KeepQueryStrings  *bool    `help:"Keep query strings whole; by default only utm_* and the parameters named with --query-parameter stay." negatable:"" json:"-"`
	QueryParameter    []string `help:"Parameter of the URL that stays; may be repeated." sep:"none" json:"-"`
	NoQueryParameters bool     `help:"Remove all parameters that stay." json:"-"`
	PrivacyRule       []string `help:"What to do with a column, a property or a pattern, for example props.email=drop, email=mask, 're:[0-9]{9}=hash'; may be repeated." placeholder:"FIELD=ACTION" sep:"none" json:"-"`
	NoPrivacyRules    bool     `help:"Remove all privacy rules." json:"-"`
}

type privacyBody struct {
	ConsentRequired  *bool          `json:"consent_required,omitempty"`
	Cookieless       *bool          `json:"cookieless,omitempty"`
	Pseudonymise     *bool          `json:"pseudonymise,omitempty"`
	KeepQueryStrings *bool          `json:"keep_query_strings,omitempty"`
	QueryParameters  *[]string      `json:"query_parameters,omitempty"`
	Rules            *[]privacyRule `json:"rules,omitempty"`
}

// Validate checks that each rule says what to do.
func (f PrivacyFields) Validate() error {
	for _, r := range f.PrivacyRule {
		if i := strings.LastIndexByte(r, '='); i <= 0 || i == len(r)-1 {
			return fmt.Errorf("--privacy-rule %q: write FIELD=ACTION, as in props.email=drop", r)
		}
	}
	return nil
}

// privacy is nil when no flag was given.
func (f PrivacyFields) privacy() *privacyBody {
	b := privacyBody{ConsentRequired: f.ConsentRequired, Cookieless: f.Cookieless, Pseudonymise: f.Pseudonymise, KeepQueryStrings: f.KeepQueryStrings}
	if len(f.QueryParameter) > 0 || f.NoQueryParameters {
		names := append([]string{}, f.QueryParameter...)
		b.QueryParameters = &names
	}
	if len(f.PrivacyRule) > 0 || f.NoPrivacyRules {
		rules := []privacyRule{}
		for _, text := range f.PrivacyRule {
			i := strings.LastIndexByte(text, '=') // an expression may hold =
			r := privacyRule{Action: text[i+1:]}
			switch subject := text[:i]; {
			case strings.HasPrefix(subject, "re:"), subject == "email", subject == "card", subject == "token":
				r.Pattern = subject
			default:
				r.Field = subject
			}
			rules = append(rules, r)
		}
		b.Rules = &rules
	}
	if b == (privacyBody{}) {
		return nil
	}
	return &b
}
