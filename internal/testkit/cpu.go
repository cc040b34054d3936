package testkit

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// EngineCPU is the CPU that the children of this process have used, the engine being the only one: background threads too, which a statement does not count.
func EngineCPU(b *testing.B) time.Duration {
	b.Helper()
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	var ticks int64
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if fields[1] != strconv.Itoa(os.Getpid()) {
			continue
		}
		for _, f := range fields[11:13] {
			n, _ := strconv.ParseInt(f, 10, 64)
			ticks += n
		}
	}
	if ticks == 0 {
		b.Skip("this system does not tell the CPU of a process")
	}
	return time.Duration(ticks) * 10 * time.Millisecond // USER_HZ is 100
}
