package fetch

import (
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"time"
)

// progress tells how much of a download has arrived, by the size of the files that grow in dirs.
type progress struct {
	out      io.Writer
	terminal bool
	what     string
	since    time.Time
	dirs     []string
}

func (p progress) run(done <-chan struct{}) {
	every := 5 * time.Second
	if p.terminal {
		every = 200 * time.Millisecond
	} else {
		fmt.Fprintf(p.out, "fetching %s\n", p.what)
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	var last int64
	for {
		select {
		case <-done:
			if p.terminal {
				fmt.Fprintf(p.out, "\r\x1b[K")
			}
			return
		case <-tick.C:
		}
		n := max(last, p.size())
		mb := func(v float64) float64 { return v / 1e6 }
		rate := mb(float64(n-last)) / every.Seconds()
		last = n
		line := fmt.Sprintf("fetching %s: %.0f MB, %.1f MB/s, %s", p.what, mb(float64(n)), rate, time.Since(p.since).Round(time.Second))
		if p.terminal {
			fmt.Fprintf(p.out, "\r\x1b[K%s", line)
		} else {
			fmt.Fprintln(p.out, line)
		}
	}
}

// size adds up what was written in dirs since the download began.
func (p progress) size() (n int64) {
	for _, dir := range p.dirs {
		filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error { // files come and go: what cannot be read does not count
			if err != nil || d.IsDir() {
				return nil
			}
			if info, err := d.Info(); err == nil && info.ModTime().After(p.since) {
				n += info.Size()
			}
			return nil
		})
	}
	return n
}
