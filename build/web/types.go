package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// types writes the client's types from the description of bin/weir, or says whether they are out of date.
func (b builder) types(ctx context.Context, onlyCheck bool) error {
	if err := b.packages(ctx); err != nil {
		return err
	}
	spec, err := description(ctx)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(source, "openapi.json"), spec, 0o644); err != nil {
		return err
	}
	args := []string{"openapi.json", "-o", types}
	if onlyCheck {
		args = append(args, "--check")
	}
	err = run(ctx, source, filepath.Join("node_modules", ".bin", "openapi-typescript"), args...)
	if err != nil && onlyCheck {
		return fmt.Errorf("%s/%s is out of date with the API: run make gen\n%w", source, types, err)
	}
	return err
}

// description starts bin/weir with an empty data directory on a free port, asks it for /openapi.json, and stops it.
func description(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "weir-openapi-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // best effort: it is a temporary directory
	cmd := exec.CommandContext(ctx, "bin/weir", "serve", "--data-dir", dir, "--listen", "127.0.0.1:0", "--clickhouse-listen", "127.0.0.1:0")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w: run make build first", err)
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		_ = cmd.Wait()                          // it was told to end
	}()
	var log strings.Builder
	address := ""
	lines := bufio.NewScanner(stderr)
	for address == "" && lines.Scan() {
		fmt.Fprintln(&log, lines.Text())
		if _, rest, ok := strings.Cut(lines.Text(), "msg=listening address="); ok {
			address, _, _ = strings.Cut(rest, " ")
		}
	}
	if address == "" {
		return nil, errors.New("bin/weir did not listen:\n" + log.String())
	}
	go func() { _, _ = io.Copy(io.Discard, stderr) }() // ends with the process
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/openapi.json", nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("/openapi.json: %s", res.Status)
	}
	return io.ReadAll(res.Body)
}
