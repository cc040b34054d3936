package app

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"weir/internal/query"
	"weir/internal/query/chport"
)

// openPort builds the ClickHouse port, unless it is not wanted.
func (a *app) openPort(queries *query.Service) error {
	if a.cfg.ClickHouseListen == "" {
		return nil
	}
	port, err := chport.New(chport.Config{Asker: queries, Auth: a.auth.WithoutSessions(), Log: a.log, Registerer: a.reg})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/", port) // a route of its own in the metrics
	a.port = mux
	return nil
}

// servePort serves the ClickHouse port on a listener of its own, with the middleware and the limits of the main one.
func (a *app) servePort() error {
	if a.port == nil {
		return nil
	}
	ln, err := net.Listen("tcp", a.cfg.ClickHouseListen)
	if err != nil {
		return fmt.Errorf("listen on %s for the ClickHouse protocol: %w; choose another address with --clickhouse-listen, or an empty one to do without it", a.cfg.ClickHouseListen, err)
	}
	a.units.start(unit{"clickhouse port", func(ctx context.Context) error { return a.api.Serve(ctx, a.encrypted(ln), a.port) }, a.cfg.HTTP.Drain + time.Second})
	a.log.Info("listening for the ClickHouse protocol", "address", ln.Addr().String())
	return nil
}
