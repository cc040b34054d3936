package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"

	"weir/internal/app"
	"weir/internal/demo"
)

// ServeCmd is `weir serve`.
type ServeCmd struct {
	File     string      `name:"config" help:"YAML file with the same options. [WEIR_CONFIG]" placeholder:"path"`
	Demo     bool        `help:"Create a demo tenant, feed it a sample of real traffic, and print what to try."`
	DemoRate float64     `help:"Events a second of the demo's live traffic; a negative number means none." default:"10"`
	Options  optionFlags `embed:""`
}

// Run serves until ctx ends, then drains.
func (c *ServeCmd) Run(ctx context.Context, p *Process) error {
	loaded, err := c.Options.load(p, c.File)
	if err != nil {
		return fmt.Errorf("the configuration is not right:\n%w", err)
	}
	log := newLogger(p.Err, loaded.Config.Logging)
	for _, w := range loaded.Warnings {
		log.Warn(w, "component", "config")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	o := app.Options{Version: Version, Log: log, Abort: p.Abort}
	var (
		running sync.WaitGroup
		demoErr error
	)
	if c.Demo {
		o.Started = func(addr net.Addr, token string) {
			running.Go(func() {
				if demoErr = c.demo(ctx, p, log, addr, token, loaded.Config.DataDir); demoErr != nil {
					cancel()
				}
			})
		}
	}
	err = app.Run(ctx, *loaded.Config, o)
	cancel()
	running.Wait()
	return errors.Join(err, demoErr)
}

func (c *ServeCmd) demo(ctx context.Context, p *Process, log *slog.Logger, addr net.Addr, token, dataDir string) error {
	return demo.Run(ctx, demo.Config{Server: "http://" + reachable(addr), AdminToken: token, KeyFile: filepath.Join(dataDir, "demo-keys"),
		Rate: c.DemoRate, Command: os.Args[0], Log: log}, p.Out)
}

// reachable is the address with which this machine reaches a listener; one that listens everywhere is reached by loopback.
func reachable(addr net.Addr) string {
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return fmt.Sprintf("127.0.0.1:%d", tcp.Port)
	}
	return addr.String()
}
