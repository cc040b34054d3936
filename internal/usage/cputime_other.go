//go:build !linux

package usage

import "time"

func threadCPU() (time.Duration, bool) { return 0, false }
