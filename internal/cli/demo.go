package cli

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"

	"weir/internal/demo"
)

// DemoCmd is `weir demo`: it fills a running server with a tenant, its history and live traffic.
type DemoCmd struct {
	Server     string  `help:"Address of weir." default:"http://127.0.0.1:8080" env:"WEIR_SERVER"`
	DataDir    string  `help:"The server's data directory: the operator's token is read from it, and the demo's keys are kept in it." default:"./data" env:"WEIR_DATA_DIR"`
	AdminToken string  `help:"The operator's token. Empty reads DATA-DIR/admin-token." env:"WEIR_ADMIN_TOKEN"`
	Rate       float64 `help:"Events a second of the live replay; a negative number means none." default:"10"`
}

// Run runs until ctx ends.
func (c *DemoCmd) Run(ctx context.Context, p *Process) error {
	return demo.Run(ctx, demo.Config{Server: c.Server, AdminToken: c.AdminToken, TokenFile: filepath.Join(c.DataDir, "admin-token"),
		KeyFile: filepath.Join(c.DataDir, "demo-keys"), Rate: c.Rate, Command: os.Args[0], Log: slog.New(slog.NewTextHandler(p.Err, nil))}, p.Out)
}
