// Package cli is the command line: one struct a subcommand, one file a command or family of commands. Each parses its
// flags, calls the server or the application, and prints; nothing else lives here.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/alecthomas/kong"

	"weir/internal/config"
	"weir/internal/problem"
)

// Version is set by the build.
var Version = "development"

// Commands is the command line.
type Commands struct {
	Serve  ServeCmd  `cmd:"" help:"Run weir."`
	Config ConfigCmd `cmd:"" help:"Print the effective configuration and where each value came from."`

	Tenant TenantCmd `cmd:"" help:"Create, show, change and delete tenants (operator)."`
	Source SourceCmd `cmd:"" help:"Create, show, change and delete sources of events (tenant admin)."`
	Name   NameCmd   `cmd:"" help:"Show and release names of sources that were deleted (operator)."`
	Key    KeyCmd    `cmd:"" help:"Create, list, rotate and delete API keys (tenant admin)."`
	User   UserCmd   `cmd:"" help:"Create, list, change and delete people who sign in with a password (tenant admin)."`
	Lookup LookupCmd `cmd:"" help:"Upload, list, print and delete lookup tables (tenant admin)."`
	Mask   MaskCmd   `cmd:"" help:"List, set and delete masks: what roles of a tenant do not see (tenant admin)."`
	Schema SchemaCmd `cmd:"" help:"List the properties of a tenant's events, and take some out of the schema."`
	Audit  AuditCmd  `cmd:"" help:"Read the audit log, and verify that it is what was written."`

	Query  QueryCmd  `cmd:"" help:"Run one SELECT and print its answer."`
	Tail   TailCmd   `cmd:"" help:"Print events as they become visible."`
	Import ImportCmd `cmd:"" help:"Import files: access logs or events, once however often it is repeated."`
	Job    JobCmd    `cmd:"" aliases:"jobs" help:"List, show, cancel asynchronous work, and get its results."`
	Usage  UsageCmd  `cmd:"" help:"Print what became of the events, by hour."`
	Costs  CostsCmd  `cmd:"" help:"Print what work cost, by tenant, source, user, query shape, kind and time; or export it."`
	Limits LimitsCmd `cmd:"" help:"Print a tenant's limits and what of them is used (tenant admin)."`
	Demo   DemoCmd   `cmd:"" help:"Fill a running server with a demo tenant and live traffic."`

	Healthcheck HealthcheckCmd `cmd:"" help:"Exit with 0 when the server is ready, else with 1."`
	Version     VersionCmd     `cmd:"" help:"Print the version."`
	Engine      EngineCmd      `cmd:"" hidden:"" help:"The query engine's process, started by serve."`
}

// Process is what a command gets of the process it runs in.
type Process struct {
	Args    []string // without the program's name
	Environ []string
	In      io.Reader
	Out     io.Writer
	Err     io.Writer
	Abort   context.Context // ends at the second signal: a stop that is under way shall end at once
}

// The exit codes.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

// Main parses the command line, runs the command until it is done or ctx ends, and returns the exit code.
func Main(ctx context.Context, p *Process) int {
	commands := &Commands{}
	commands.Serve.Options, commands.Config.Options = newOptionFlags(), newOptionFlags()
	exit := -1 // set by --help
	parser, err := kong.New(commands, kong.Name("weir"), kong.Description("Self-hosted, multi-tenant, real-time analytics."),
		kong.UsageOnError(), kong.Writers(p.Out, p.Err), kong.Exit(func(code int) { exit = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(p))
	if err != nil {
		fmt.Fprintln(p.Err, "weir:", err)
		return exitError
	}
	if len(p.Args) == 0 {
		p.Args = []string{"--help"}
	}
	k, err := parser.Parse(p.Args)
	if exit >= 0 {
		return exit
	}
	if err != nil {
		fmt.Fprintf(p.Err, "weir: %v\n%s", err, mended(err))
		return exitUsage
	}
	if err := k.Run(); err != nil {
		report(p.Err, err)
		return exitError
	}
	return exitOK
}

// mended says what to type in place of a command line that cannot be parsed: how the command that was meant is written, and where a tenant goes that stands where none does.
func mended(err error) string {
	var wrong *kong.ParseError
	if !errors.As(err, &wrong) || wrong.Context == nil || wrong.Context.Selected() == nil {
		return "Run `weir --help`, or `weir COMMAND --help`, to see what there is.\n"
	}
	command := wrong.Context.Selected()
	out := ""
	if argument, ok := strings.CutPrefix(wrong.Error(), "unexpected argument "); ok {
		for _, flag := range command.Flags {
			if name, _, _ := strings.Cut(argument, ","); flag.Name == "tenant" {
				out = fmt.Sprintf("Is %s a tenant? Then write `%s --tenant %s`.\n", name, command.FullPath(), name)
			}
		}
	}
	return out + fmt.Sprintf("It is written `weir %s`; `%s --help` says more.\n", command.Summary(), command.FullPath())
}

// report prints an error for people.
func report(w io.Writer, err error) {
	var p *problem.Problem
	if errors.As(err, &p) {
		fmt.Fprintf(w, "weir: %s (%s, status %d)\n", p.Detail, p.Code, p.Status)
		return
	}
	fmt.Fprintf(w, "weir: %v\n", err)
}

// newLogger logs to w as configured.
func newLogger(w io.Writer, c config.Logging) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		level = slog.LevelInfo // Validate refuses other words
	}
	o := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
