package httpapi

import (
	"errors"
	"strings"

	"weir/internal/catalog"
)

// PrivacyView is what a source does about personal data, as the API shows it.
type PrivacyView struct {
	ConsentRequired  bool                 `json:"consent_required" doc:"The browser SDK sends nothing before the visitor agreed"`
	Cookieless       bool                 `json:"cookieless" doc:"No id of a browser is kept: visitors are told apart by an id of the day, derived from a salt that is destroyed"`
	Pseudonymise     bool                 `json:"pseudonymise" doc:"client_id and user_id are replaced by a keyed hash, the same for all sources of the tenant"`
	KeepQueryStrings bool                 `json:"keep_query_strings" doc:"Query strings of url and referrer stay whole"`
	QueryParameters  []string             `json:"query_parameters" doc:"Parameters of url that stay beside utm_*"`
	Rules            []PrivacyRuleRequest `json:"rules"`
}

// PrivacyRuleRequest is one rule.
type PrivacyRuleRequest struct {
	Field   string `json:"field,omitempty" example:"props.email" doc:"A column such as url, user_id or city, or props.NAME with everything below it"`
	Pattern string `json:"pattern,omitempty" example:"email" doc:"email, card, token, or a regular expression (RE2) after re:"`
	Action  string `json:"action" example:"mask" doc:"drop, hash, mask; keep (patterns only) switches the default off"`
}

// PrivacyPatch changes only what it names; lists are replaced as a whole.
type PrivacyPatch struct {
	ConsentRequired  *bool                 `json:"consent_required,omitempty" doc:"The browser SDK sends nothing before the visitor agreed"`
	Cookieless       *bool                 `json:"cookieless,omitempty" doc:"No id of a browser is kept: visitors are told apart by an id of the day"`
	Pseudonymise     *bool                 `json:"pseudonymise,omitempty" doc:"Replace client_id and user_id by a keyed hash of the tenant"`
	KeepQueryStrings *bool                 `json:"keep_query_strings,omitempty" doc:"Keep query strings whole; by default only utm_* and query_parameters stay"`
	QueryParameters  *[]string             `json:"query_parameters,omitempty" doc:"Parameters of url that stay beside utm_*; at most 100"`
	Rules            *[]PrivacyRuleRequest `json:"rules,omitempty" doc:"At most 50; the first rule for a field or pattern counts"`
}

func viewPrivacy(p *catalog.Privacy) PrivacyView {
	if p == nil {
		p = &catalog.Privacy{}
	}
	v := PrivacyView{ConsentRequired: p.ConsentRequired, Cookieless: p.Cookieless, Pseudonymise: p.Pseudonymise, KeepQueryStrings: p.KeepQueryStrings,
		QueryParameters: append([]string{}, p.QueryParameters...), Rules: make([]PrivacyRuleRequest, len(p.Rules))}
	for i, r := range p.Rules {
		v.Rules[i] = PrivacyRuleRequest(r)
	}
	return v
}

// apply returns what p becomes. p itself is shared and stays.
func (in PrivacyPatch) apply(p *catalog.Privacy) (*catalog.Privacy, error) {
	var out catalog.Privacy
	if p != nil {
		out = *p
	}
	set := func(to *bool, v *bool) {
		if v != nil {
			*to = *v
		}
	}
	set(&out.ConsentRequired, in.ConsentRequired)
	set(&out.Cookieless, in.Cookieless)
	set(&out.Pseudonymise, in.Pseudonymise)
	set(&out.KeepQueryStrings, in.KeepQueryStrings)
	if in.QueryParameters != nil {
		out.QueryParameters = nil
		for _, name := range *in.QueryParameters {
			out.QueryParameters = append(out.QueryParameters, strings.ToLower(name))
		}
	}
	if in.Rules != nil {
		out.Rules = nil
		for _, r := range *in.Rules {
			out.Rules = append(out.Rules, catalog.PrivacyRule(r))
		}
	}
	if err := out.Validate(); err != nil {
		var bad *catalog.PrivacyError
		if errors.As(err, &bad) {
			return nil, invalid("privacy."+bad.Field, "%s", bad.Message)
		}
		return nil, err
	}
	return &out, nil
}
