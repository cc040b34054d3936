package cli

import (
	"context"
	"log/slog"

	"weir/internal/clickhouse/embedded"
)

// EngineCmd is `weir engine`, the child process around libchdb. Its parent hands it the configuration.
type EngineCmd struct{}

// Run serves until ctx ends. The parent passes each line of the log on as a warning, so nothing less is logged.
func (c *EngineCmd) Run(ctx context.Context, p *Process) error {
	cfg, err := embedded.ConfigFromEnv()
	if err != nil {
		return err
	}
	return embedded.RunEngine(ctx, cfg, slog.New(slog.NewTextHandler(p.Err, &slog.HandlerOptions{Level: slog.LevelWarn})))
}
