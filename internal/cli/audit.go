package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"weir/internal/app"
	"weir/internal/audit"
)

// AuditCmd is `weir audit`.
type AuditCmd struct {
	List   AuditListCmd   `cmd:"" help:"Print who did what, the newest first."`
	Export AuditExportCmd `cmd:"" help:"Print all entries that match, as NDJSON or CSV."`
	Verify AuditVerifyCmd `cmd:"" help:"Find a changed, missing or moved entry; exit with 1 if there is one (operator)."`
	Head   AuditHeadCmd   `cmd:"" help:"Print the end of the log: kept elsewhere, it proves later what was there (operator)."`
}

// AuditFilter selects entries.
type AuditFilter struct {
	From    string `help:"Start: a time (RFC 3339), or a length such as 1h back from the end." placeholder:"TIME"`
	To      string `help:"End: a time (RFC 3339), or a length back from now." placeholder:"TIME"`
	Actor   string `help:"Who: key:<id>, local:<user>, oidc:<subject>."`
	Action  string `help:"sign-in, query, report, or an operation's name such as create-key."`
	Outcome string `help:"ok, failed, or the code of a problem."`
	Target  string `help:"What it was done to, by its beginning."`
}

func (f AuditFilter) query() url.Values {
	q := url.Values{}
	for name, v := range map[string]string{"from": f.From, "to": f.To, "actor": f.Actor, "action": f.Action, "outcome": f.Outcome, "target": f.Target} {
		if v != "" {
			q.Set(name, v)
		}
	}
	return q
}

const auditPath = "/api/v1/audit"

// AuditListCmd is `weir audit list`.
type AuditListCmd struct {
	Server
	ForTenant
	Output
	AuditFilter
	Limit int `help:"How many, at most." default:"50"`
}

// Run prints entries.
func (c *AuditListCmd) Run(ctx context.Context, p *Process) error {
	cl, err := c.client(c.Tenant)
	if err != nil {
		return err
	}
	var all []audit.Entry
	q := c.query()
	for len(all) < c.Limit {
		q.Set("limit", strconv.Itoa(min(c.Limit-len(all), 1000)))
		var page struct {
			Entries []audit.Entry `json:"entries"`
			Next    uint64        `json:"next"`
		}
		if err := cl.Do(ctx, http.MethodGet, auditPath+"?"+q.Encode(), nil, &page); err != nil {
			return err
		}
		all = append(all, page.Entries...)
		if page.Next == 0 {
			break
		}
		q.Set("before", strconv.FormatUint(page.Next, 10))
	}
	return c.print(p.Out, all, func() grid {
		g := grid{head: []string{"seq", "at", "tenant", "actor", "action", "target", "outcome", "from", "text"}, right: map[int]bool{0: true}}
		for _, e := range all {
			text := strings.Join(strings.Fields(e.Text), " ")
			if e.Erased {
				text = "(erased)"
			}
			if r := []rune(text); len(r) > 60 {
				text = string(r[:59]) + "…"
			}
			outcome := orDash(e.Outcome)
			if e.Count > 1 { // gathered
				outcome += " ×" + strconv.FormatUint(e.Count, 10)
			}
			g.add(strconv.FormatUint(e.Seq, 10), when(e.At), orDash(string(e.Tenant)), orDash(e.Actor), orDash(e.Action), orDash(e.Target), outcome, orDash(e.From), text)
		}
		return g
	})
}

// AuditExportCmd is `weir audit export`.
type AuditExportCmd struct {
	Server
	ForTenant
	AuditFilter
	Format string `help:"ndjson or csv." enum:"ndjson,csv" default:"ndjson"`
}

// Run prints all entries that match.
func (c *AuditExportCmd) Run(ctx context.Context, p *Process) error {
	cl, err := c.client(c.Tenant)
	if err != nil {
		return err
	}
	q := c.query()
	q.Set("format", c.Format)
	body, err := cl.Get(ctx, auditPath+"/export?"+q.Encode())
	if err != nil {
		return err
	}
	_, err = io.Copy(p.Out, body)
	return errors.Join(err, body.Close())
}

// AuditVerifyCmd is `weir audit verify`.
type AuditVerifyCmd struct {
	Server
	Output
	Head string `help:"An end of the log that was kept elsewhere, as \"weir audit head\" printed it: it must still be part of the log." placeholder:"SEQ:HASH"`
}

// errTampered is the error of a log in which something was found.
var errTampered = errors.New("the audit log is not what was written")

// Run verifies the log: in the data directory if no server uses it, else by asking the server.
func (c *AuditVerifyCmd) Run(ctx context.Context, p *Process) error {
	var kept audit.Head
	if c.Head != "" {
		seq, hash, ok := strings.Cut(c.Head, ":")
		n, err := strconv.ParseUint(seq, 10, 64)
		if !ok || err != nil || n == 0 || len(hash) != 64 {
			return fmt.Errorf("--head: %q is not a number, a colon and 64 hexadecimal digits", c.Head)
		}
		kept = audit.Head{Seq: n, Hash: hash}
	}
	v, err := c.verify(ctx, kept)
	if err != nil {
		return err
	}
	if err := c.print(p.Out, v, func() grid {
		g := grid{head: []string{"entry", "what", "detail"}, right: map[int]bool{0: true}}
		for _, f := range v.Findings {
			g.add(strconv.FormatUint(f.Seq, 10), f.Kind, f.Detail)
		}
		if v.OK {
			g.add(strconv.FormatUint(v.Last, 10), "ok", fmt.Sprintf("entries %d to %d are what was written, the texts of %d of them were erased", v.First, v.Last, v.Erased))
		}
		return g
	}); err != nil {
		return err
	}
	if !v.OK {
		return errTampered
	}
	return nil
}

func (c *AuditVerifyCmd) verify(ctx context.Context, kept audit.Head) (audit.Verdict, error) {
	if c.DataDir != "" {
		makePrivate()
		v, err := app.VerifyAudit(ctx, c.DataDir, kept)
		if !errors.Is(err, app.ErrInUse) {
			return v, err
		}
	}
	in := map[string]any{}
	if kept.Seq > 0 {
		in["head"] = kept
	}
	var v audit.Verdict
	err := c.do(ctx, http.MethodPost, auditPath+"/verify", in, &v)
	return v, err
}

// AuditHeadCmd is `weir audit head`.
type AuditHeadCmd struct {
	Server
}

// Run prints the end of the log.
func (c *AuditHeadCmd) Run(ctx context.Context, p *Process) error {
	var h audit.Head
	if err := c.do(ctx, http.MethodGet, auditPath+"/head", nil, &h); err != nil {
		return err
	}
	return done(p.Out, "%d:%s", h.Seq, h.Hash)
}
