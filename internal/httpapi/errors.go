package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"unicode"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/catalog"
	"weir/internal/damage"
	"weir/internal/problem"
)

var installOnce sync.Once

// installErrors makes huma's own errors problems of ours. huma keeps these as variables of its package.
func installErrors() {
	installOnce.Do(func() {
		huma.NewError = func(status int, msg string, errs ...error) huma.StatusError {
			return newError(slog.New(slog.DiscardHandler), known{}, status, msg, errs)
		}
		huma.NewErrorWithContext = func(ctx huma.Context, status int, msg string, errs ...error) huma.StatusError {
			log, ok := ctx.Context().Value(logKey{}).(*slog.Logger)
			if !ok {
				log = slog.New(slog.DiscardHandler)
			}
			schemas, _ := ctx.Context().Value(schemasKey{}).(huma.Registry)
			return newError(log.With("method", ctx.Method(), "path", ctx.Operation().Path), known{ctx.Operation(), schemas}, status, msg, errs)
		}
		huma.ValidateStrictCasing = true
	})
}

type logKey struct{}

// schemasKey has the huma.Registry of the API's schemas.
type schemasKey struct{}

// newError turns an error of huma into a problem. An error of a handler that is no problem comes here with
// status 500: it is logged, and the caller is not told its text.
func newError(log *slog.Logger, k known, status int, msg string, errs []error) *problem.Problem {
	for _, err := range errs {
		var p *problem.Problem
		if errors.As(err, &p) {
			return p
		}
	}
	joined := errors.Join(errs...)
	switch {
	case errors.Is(joined, context.Canceled):
		return problem.New(499, "client_gone", "the client went away before the answer")
	case status == http.StatusInternalServerError && errors.Is(joined, io.ErrUnexpectedEOF):
		return problem.New(http.StatusBadRequest, "body_incomplete", "the body ended before its announced length: send it again whole")
	case damage.Of(joined): // the store's log has it
		return damage.Problem(joined)
	case status == http.StatusInternalServerError:
		log.Error("request failed", "error", joined)
		return problem.New(status, "internal", "something went wrong inside weir; it is in the server's log. Try again")
	case status == http.StatusRequestTimeout:
		return problem.New(status, "body_timeout", "the body did not arrive in time: send it faster or in smaller parts")
	case status == http.StatusRequestEntityTooLarge:
		return tooLarge(k)
	case status == http.StatusBadRequest && len(errs) == 0:
		return problem.New(status, "body_missing", "the request needs a body, a JSON object; see /docs")
	}
	return validationError(k, status, msg, errs)
}

// tooLarge says how large the body of a request may be.
func tooLarge(k known) *problem.Problem {
	most := int64(1 << 20) // huma's own
	if k.op != nil && k.op.MaxBodyBytes > 0 {
		most = k.op.MaxBodyBytes
	}
	return problem.New(http.StatusRequestEntityTooLarge, "body_too_large", "the body is larger than %d bytes, the most that this request can have: ask for less at once, or save long lists (filters as a segment, people as a cohort) and name them", most).
		WithLimit("body_bytes", most)
}

// validationError describes what is wrong with a body or a parameter: the field of the first error, the text of all.
func validationError(k known, status int, msg string, errs []error) *problem.Problem {
	p := problem.New(status, "invalid_field", "%s", msg)
	if status == http.StatusBadRequest {
		p.Code = "malformed_json"
	}
	const most = 5
	var texts []string
	for i, err := range errs {
		d := &huma.ErrorDetail{Message: err.Error()}
		var detailer huma.ErrorDetailer
		if errors.As(err, &detailer) {
			d = detailer.ErrorDetail()
		}
		code, field, text := explain(k, d)
		if i == 0 {
			p.Field = field
			if code != "" && status == http.StatusUnprocessableEntity {
				p.Code = code
			}
		}
		if i == most {
			texts = append(texts, fmt.Sprintf("and %d more", len(errs)-most))
			break
		}
		texts = append(texts, text)
	}
	if len(texts) > 0 {
		p.Detail = strings.Join(texts, "; ")
	}
	return p
}

// unfit is how encoding/json says that a value is none of its field's type, of which it tells the name in Go alone.
var unfit = regexp.MustCompile(`^json: cannot unmarshal (\w+(?: [-+.\w]{1,40})?).* into Go `)

func explain(k known, d *huma.ErrorDetail) (code, field, text string) {
	_, field, _ = strings.Cut(d.Location, ".") // "body.limits.x", "query.from"
	var missing string
	if n, _ := fmt.Sscanf(d.Message, "expected required property %s to be present", &missing); n == 1 {
		field = strings.TrimPrefix(field+"."+missing, ".")
		return "missing_field", field, fmt.Sprintf("field %s is missing", field)
	}
	if null, ok := strings.CutSuffix(d.Message, isNull); ok {
		return "invalid_field", null, "field " + d.Message
	}
	switch {
	case d.Message == "unexpected property":
		return "unknown_field", field, fmt.Sprintf("field %s is not known%s: remove it or check its spelling, see /docs", field, k.likeField(field))
	case d.Message == "unknown query parameter":
		return "unknown_parameter", field, fmt.Sprintf("parameter %s is not known%s: remove it or check its spelling, see /docs", field, k.likeParameter(field))
	case strings.HasPrefix(d.Message, "required ") && strings.HasSuffix(d.Message, " is missing"):
		return "missing_parameter", field, fmt.Sprintf("parameter %s is missing", field)
	case field == "":
		if m := unfit.FindStringSubmatch(d.Message); m != nil {
			return "", "", "the body has a " + m[1] + " that its field cannot hold: it is of another kind, or too large"
		}
		return "", "", "the body is not valid: " + d.Message
	}
	if forms := k.forms(field); forms != "" && strings.HasPrefix(d.Message, "expected value to match exactly one schema") {
		return "invalid_field", field, fmt.Sprintf("field %s: it must be %s", field, forms)
	}
	return "invalid_field", field, fmt.Sprintf("field %s: %s%s", field, d.Message, k.example(field, d.Message))
}

// catalogError maps the errors of the catalog. Others stay as they are and become a 500.
func catalogError(err error) error {
	var (
		c *catalog.Conflict
		r *catalog.Rotated
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &r):
		return problem.New(http.StatusConflict, "rotated", "%s. Rotate %s, or delete it first if its secret was lost", r, r.Successor)
	case errors.As(err, &c) && errors.Is(err, catalog.ErrKeyAsName):
		return invalid(c.Field, "a name that looks like a key of weir (%s…) is refused: the doors look keys up first, and names are public. Events that are sent with a source's write key reach it without an alias; "+
			"for pages choose another name, such as a domain", catalog.KeyPrefix)
	case errors.As(err, &c) && errors.Is(err, catalog.ErrInUse):
		return problem.New(http.StatusConflict, "in_use", "%s", c).WithField(c.Field)
	case errors.As(err, &c) && errors.Is(err, catalog.ErrRetired):
		return problem.New(http.StatusConflict, "retired", "%s, as events still come for it: choose another one, or ask an operator to release it", c).WithField(c.Field)
	case errors.As(err, &c):
		return problem.New(http.StatusConflict, "exists", "%s: choose another one", c).WithField(c.Field)
	case errors.Is(err, catalog.ErrExists):
		return problem.New(http.StatusConflict, "exists", "%s", err)
	case errors.Is(err, catalog.ErrInUse):
		return problem.New(http.StatusConflict, "in_use", "%s", err)
	case errors.Is(err, catalog.ErrNotFound):
		return problem.New(http.StatusNotFound, "not_found", "%s", err)
	}
	return err
}

// shown refuses control characters in a text that people read, those that turn the direction of writing included: in a terminal they do something, and in a list they hide what else is there.
func shown(field, text string) error {
	if i := strings.IndexFunc(text, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }); i >= 0 {
		return invalid(field, "it has a control character (%q at byte %d): write it in one line of text", []rune(text[i:])[0], i)
	}
	return nil
}

func invalid(field, format string, args ...any) *problem.Problem {
	return problem.New(http.StatusUnprocessableEntity, "invalid_field", "field "+field+": "+format, args...).WithField(field)
}
