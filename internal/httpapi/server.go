package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"sync"
)

// Run serves on ln until ctx ends. Then it takes no new request, waits for running ones at most Config.Drain, cuts
// the rest, and returns nil. It closes ln.
func (a *API) Run(ctx context.Context, ln net.Listener) error { return a.Serve(ctx, ln, a.mux) }

// Serve is Run for another handler, which gets the same middleware and the same limits: a second listener.
func (a *API) Serve(ctx context.Context, ln net.Listener, h http.Handler) error {
	var running sync.RWMutex // held for reading by every request
	h = a.Guard(h)
	srv := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			running.RLock()
			defer running.RUnlock()
			h.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: a.cfg.HeaderTimeout,
		IdleTimeout:       a.cfg.IdleTimeout,
		MaxHeaderBytes:    a.cfg.MaxHeader,
		// No ReadTimeout and WriteTimeout: they count for a whole request. Handler bounds bodies and answers by their progress.
		ErrorLog: log.New(logWriter{a.log}, "", 0),
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	select {
	case err := <-failed:
		return fmt.Errorf("http: serve %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	a.stop.Do(func() { close(a.stopping) })
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.cfg.Drain)
	defer cancel()
	err := srv.Shutdown(drain)
	if errors.Is(err, context.DeadlineExceeded) {
		a.log.Warn("requests still ran after the time to drain and were cut", "drain", a.cfg.Drain)
		err = srv.Close()
	}
	<-failed       // http.ErrServerClosed
	running.Lock() // those that were cut end too, before anybody closes what they work on
	defer running.Unlock()
	if err != nil {
		return fmt.Errorf("http: stop: %w", err)
	}
	return nil
}

// logWriter passes what net/http complains about (broken clients, mostly) to the debug log.
type logWriter struct{ log *slog.Logger }

func (l logWriter) Write(p []byte) (int, error) {
	l.log.Debug("net/http", "message", string(p))
	return len(p), nil
}
