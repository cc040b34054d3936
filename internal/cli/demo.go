package cli

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"

	"weir/internal/client"
	"weir/internal/demo"
)

// DemoCmd is `weir demo`: it fills a running server with a tenant, its history and live traffic.
type DemoCmd struct {
	Address
	DataDir    string  `help:"The server's data directory: the operator's token is read from it, and the demo's keys are kept in it." default:"./data" env:"WEIR_DATA_DIR"`
	AdminToken string  `help:"The operator's token. Empty reads DATA-DIR/admin-token." env:"WEIR_ADMIN_TOKEN"`
	Rate       float64 `help:"Events a second of the live replay; a negative number means none." default:"10"`
}

// Run runs until ctx ends.
func (c *DemoCmd) Run(ctx context.Context, p *Process) error {
	authorities, err := c.authorities()
	if err != nil {
		return err
	}
	return demo.Run(ctx, demo.Config{Client: client.Options{CAs: authorities}, Server: c.Server, AdminToken: c.AdminToken, TokenFile: filepath.Join(c.DataDir, "admin-token"),
		KeyFile: filepath.Join(c.DataDir, "demo-keys"), Rate: c.Rate, Command: os.Args[0], Log: slog.New(slog.NewTextHandler(p.Err, nil))}, p.Out)
}
