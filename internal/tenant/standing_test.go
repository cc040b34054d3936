package tenant

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"weir/internal/problem"
)

func TestWatch(t *testing.T) {
	who := Principal{Tenant: "acme", Role: RoleAnalyst, KeyID: "k_1"}
	other := who
	other.Role = RoleViewer
	gone, busy := problem.New(401, "unknown_key", "gone"), problem.New(503, "unavailable", "later")
	for name, c := range map[string]struct {
		who  Principal
		p    *problem.Problem
		want string
	}{
		"as it was":    {who, nil, ""},
		"revoked":      {Principal{}, gone, "unknown_key"},
		"another role": {other, nil, CodePrincipalChanged},
		"not known":    {Principal{}, busy, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			var n atomic.Int64
			ctx, stop := Watch(WithStanding(t.Context(), Standing{Check: func() (Principal, *problem.Problem) {
				if n.Add(1) < 3 {
					return who, nil
				}
				return c.who, c.p
			}}), who, time.Second)
			time.Sleep(2500 * time.Millisecond)
			if ctx.Err() != nil || n.Load() != 2 {
				t.Errorf("%s: %v after %d looks", name, ctx.Err(), n.Load())
			}
			time.Sleep(time.Second)
			var p *problem.Problem
			code := ""
			if errors.As(context.Cause(ctx), &p) {
				code = p.Code
			}
			if code != c.want || (ctx.Err() != nil) != (c.want != "") {
				t.Errorf("%s: ended with %v (%v)", name, context.Cause(ctx), ctx.Err())
			}
			stop()
			at := n.Load()
			time.Sleep(5 * time.Second)
			if n.Load() != at {
				t.Errorf("%s: looked at after its end", name)
			}
		})
	}
	if ctx, stop := Watch(t.Context(), who, time.Nanosecond); ctx != t.Context() {
		t.Error("watched without a Standing")
	} else {
		stop()
	}
}
