package cli

import (
	"fmt"
	"runtime"

	"weir/internal/clickhouse/embedded/libchdb"
)

// VersionCmd is `weir version`.
type VersionCmd struct{}

// Run prints the versions of weir, of Go and of the engine that it was built for.
func (c *VersionCmd) Run(p *Process) error {
	_, err := fmt.Fprintf(p.Out, "weir %s (%s, %s/%s, engine %s)\n", Version, runtime.Version(), runtime.GOOS, runtime.GOARCH, libchdb.Release)
	return err
}
