package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"weir/internal/problem"
)

// JobCmd is `weir job`.
type JobCmd struct {
	List   JobListCmd   `cmd:"" help:"List jobs, newest first."`
	Show   JobShowCmd   `cmd:"" help:"Show a job."`
	Wait   JobWaitCmd   `cmd:"" help:"Wait until a job has ended; exit with 1 unless it is done."`
	Result JobResultCmd `cmd:"" help:"Print the result of a job that is done."`
	Cancel JobCancelCmd `cmd:"" help:"Cancel a job that waits or runs, or remove one that has ended."`
}

// jobInfo is a job as the API shows it.
type jobInfo struct {
	ID       string `json:"id"`
	Kind     string `json:"kind"`
	Title    string `json:"title,omitempty"`
	Tenant   string `json:"tenant,omitempty"`
	Owner    string `json:"owner"`
	State    string `json:"state"`
	Progress struct {
		Done  uint64 `json:"done"`
		Total uint64 `json:"total,omitempty"`
		Unit  string `json:"unit,omitempty"`
		Text  string `json:"text,omitempty"`
	} `json:"progress"`
	WaitsFor *struct {
		Limit string    `json:"limit"`
		Value int64     `json:"value"`
		Text  string    `json:"text,omitempty"`
		Until time.Time `json:"until,omitzero"`
	} `json:"waits_for,omitempty"`
	Created time.Time        `json:"created"`
	Started time.Time        `json:"started,omitzero"`
	Ended   time.Time        `json:"ended,omitzero"`
	Expires time.Time        `json:"expires,omitzero"`
	Error   *problem.Problem `json:"error,omitempty"`
	Result  *struct {
		URL         string `json:"url"`
		ContentType string `json:"content_type"`
		Bytes       int64  `json:"bytes"`
		Rows        uint64 `json:"rows,omitempty"`
	} `json:"result,omitempty"`
}

func jobTable(list ...jobInfo) func() grid {
	return func() grid {
		g := grid{head: []string{"id", "kind", "tenant", "owner", "state", "progress", "created", "ended", "result", "title"}}
		for _, j := range list {
			result := "-"
			if j.Result != nil {
				result = fmt.Sprintf("%d bytes", j.Result.Bytes)
			}
			if j.Error != nil {
				result = j.Error.Code
			}
			g.add(j.ID, j.Kind, orDash(j.Tenant), j.Owner, j.State, j.progress(), when(j.Created), when(j.Ended), result, orDash(j.Title))
		}
		return g
	}
}

func (j jobInfo) progress() string {
	p := j.Progress
	switch {
	case j.WaitsFor != nil:
		return "waits for " + j.WaitsFor.Limit
	case p.Total > 0:
		return fmt.Sprintf("%d of %d %s", p.Done, p.Total, p.Unit)
	case p.Done > 0:
		return fmt.Sprintf("%d %s", p.Done, p.Unit)
	}
	return orDash(p.Text)
}

func jobPath(id string) string { return "/jobs/" + url.PathEscape(id) }

// JobListCmd is `weir job list`.
type JobListCmd struct {
	Server
	ForTenant
	Output
	Limit int `help:"Most jobs, 1 to 1000." default:"100"`
}

// Run lists jobs.
func (c *JobListCmd) Run(ctx context.Context, p *Process) error {
	cl, err := c.client(c.Tenant)
	if err != nil {
		return err
	}
	var list struct {
		Jobs []jobInfo `json:"jobs"`
	}
	if err := cl.Do(ctx, http.MethodGet, "/jobs?limit="+strconv.Itoa(c.Limit), nil, &list); err != nil {
		return err
	}
	return c.print(p.Out, list, jobTable(list.Jobs...))
}

// JobShowCmd is `weir job show`.
type JobShowCmd struct {
	Server
	Output
	ID string `arg:"" help:"Its id."`
}

// Run shows a job.
func (c *JobShowCmd) Run(ctx context.Context, p *Process) error {
	var j jobInfo
	if err := c.do(ctx, http.MethodGet, jobPath(c.ID), nil, &j); err != nil {
		return err
	}
	return printJob(p.Out, c.Output, j)
}

func printJob(w io.Writer, o Output, j jobInfo) error {
	if err := o.print(w, j, jobTable(j)); err != nil || o.Format != "table" || j.Error == nil {
		return err
	}
	return done(w, "\n%s: %s", j.Error.Code, printable(j.Error.Detail))
}

// JobWaitCmd is `weir job wait`.
type JobWaitCmd struct {
	Server
	Output
	Every time.Duration `help:"How often to look." default:"1s"`
	ID    string        `arg:"" help:"Its id."`
}

// Run waits until the job has ended.
func (c *JobWaitCmd) Run(ctx context.Context, p *Process) error {
	for {
		var j jobInfo
		if err := c.do(ctx, http.MethodGet, jobPath(c.ID), nil, &j); err != nil {
			return err
		}
		switch j.State {
		case "done":
			return printJob(p.Out, c.Output, j)
		case "failed", "cancelled":
			if err := printJob(p.Out, c.Output, j); err != nil {
				return err
			}
			return fmt.Errorf("job %s is %s", j.ID, j.State)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(c.Every):
		}
	}
}

// JobResultCmd is `weir job result`.
type JobResultCmd struct {
	Server
	ID  string `arg:"" help:"Its id."`
	Out string `help:"Write to this file instead of the standard output." short:"o" placeholder:"FILE"`
}

// Run copies the result to the standard output or to a file.
func (c *JobResultCmd) Run(ctx context.Context, p *Process) (err error) {
	cl, err := c.client("")
	if err != nil {
		return err
	}
	body, err := cl.Get(ctx, jobPath(c.ID)+"/result")
	if err != nil {
		return err
	}
	defer body.Close()
	w := p.Out
	if c.Out != "" {
		f, err := os.Create(c.Out)
		if err != nil {
			return err
		}
		defer func() {
			if cerr := f.Close(); err == nil {
				err = cerr
			}
		}()
		w = f
	}
	_, err = io.Copy(w, body)
	return err
}

// JobCancelCmd is `weir job cancel`.
type JobCancelCmd struct {
	Server
	ID string `arg:"" help:"Its id."`
}

// Run cancels or removes a job.
func (c *JobCancelCmd) Run(ctx context.Context, p *Process) error {
	var j jobInfo
	if err := c.do(ctx, http.MethodDelete, jobPath(c.ID), nil, &j); err != nil {
		return err
	}
	if j.ID == "" {
		return done(p.Out, "job %s is removed", c.ID)
	}
	return done(p.Out, "job %s is %s", c.ID, j.State)
}
