package cli

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"weir/internal/app"
	"weir/internal/config"
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
	makePrivate()
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
				if demoErr = c.demo(ctx, p, log, addr, token, loaded.Config); demoErr != nil {
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

func (c *ServeCmd) demo(ctx context.Context, p *Process, log *slog.Logger, addr net.Addr, token string, loaded *config.Config) error {
	d := demo.Config{Server: "http://" + reachable(addr), AdminToken: token, KeyFile: filepath.Join(loaded.DataDir, "demo-keys"), Rate: c.DemoRate, Command: os.Args[0], Log: log}
	if loaded.TLS.Cert != "" {
		d.Server = "https://" + reachable(addr)
		own := http.DefaultTransport.(*http.Transport).Clone()
		own.TLSClientConfig = ownCertificate(loaded.TLS.Cert)
		d.Client.HTTP = &http.Client{Transport: own}
	}
	return demo.Run(ctx, d, p.Out)
}

// ownCertificate trusts a server that shows the certificate of a file, whatever names it has: a certificate for others names no address of this machine.
func ownCertificate(file string) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true, VerifyConnection: func(s tls.ConnectionState) error {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		block, rest := pem.Decode(text)
		for block != nil && block.Type != "CERTIFICATE" { // a key may stand before it
			block, rest = pem.Decode(rest)
		}
		if block == nil || len(s.PeerCertificates) == 0 || !bytes.Equal(block.Bytes, s.PeerCertificates[0].Raw) {
			return fmt.Errorf("the server's certificate is not that of %s", file)
		}
		return nil
	}}
}

// reachable is the address with which this machine reaches a listener; one that listens everywhere is reached by loopback.
func reachable(addr net.Addr) string {
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return fmt.Sprintf("127.0.0.1:%d", tcp.Port)
	}
	return addr.String()
}
