package importer

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/mattn/go-isatty"
	"github.com/schollz/progressbar/v3"
)

const (
	barEvery  = 100 * time.Millisecond
	lineEvery = 5 * time.Second
)

// meter shows progress: a bar on a terminal, else a line every few seconds.
type meter struct {
	w     io.Writer
	tally *tally
	bar   *progressbar.ProgressBar // nil if w is no terminal
	total int64                    // bytes of all inputs, 0 if one is not known
	began time.Time
	quit  chan struct{}
	wg    sync.WaitGroup

	mu  sync.Mutex
	src *source // being read
	off int64   // bytes of the inputs before it
}

func newMeter(w io.Writer, t *tally, inputs []Input) *meter {
	m := &meter{w: w, tally: t, began: time.Now(), quit: make(chan struct{})}
	if w == nil {
		return m
	}
	m.total = totalSize(inputs)
	every := lineEvery
	if f, ok := w.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		every = barEvery
		size := m.total
		if size == 0 {
			size = -1 // a spinner
		}
		m.bar = progressbar.NewOptions64(size, progressbar.OptionSetWriter(w), progressbar.OptionShowBytes(true), progressbar.OptionSetWidth(30),
			progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(barEvery))
	}
	m.wg.Add(1)
	go m.loop(every)
	return m
}

// totalSize is the sum of the sizes of all inputs, 0 if one is unknown.
func totalSize(inputs []Input) int64 {
	var sum int64
	for _, in := range inputs {
		if in.once {
			return 0
		}
		r, size, err := in.Open()
		if err != nil || size == 0 {
			return 0
		}
		_ = r.Close() // nothing was read
		sum += size
	}
	return sum
}

func (m *meter) loop(every time.Duration) {
	defer m.wg.Done()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-m.quit:
			return
		case <-tick.C:
			m.show()
		}
	}
}

func (m *meter) show() {
	lines, rejected, done := m.tally.counts()
	rate := humanize.Comma(int64(float64(lines) / time.Since(m.began).Seconds()))
	if m.bar != nil {
		m.bar.Describe(fmt.Sprintf("%s lines, %s/s", humanize.Comma(lines+done), rate))
		_ = m.bar.Set64(m.bytes()) // a bar that cannot be drawn is no failure of the import
		return
	}
	share := ""
	if m.total > 0 {
		share = fmt.Sprintf(" (%d %%)", 100*m.bytes()/m.total)
	}
	fmt.Fprintf(m.w, "%s lines%s, %s rejected, %s lines/s\n", humanize.Comma(lines+done), share, humanize.Comma(rejected), rate)
}

func (m *meter) bytes() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.off
	if m.src != nil {
		n += m.src.raw.n.Load()
	}
	if m.total > 0 {
		n = min(n, m.total)
	}
	return n
}

func (m *meter) begin(s *source) {
	m.mu.Lock()
	m.src = s
	m.mu.Unlock()
}

func (m *meter) end(s *source) {
	m.mu.Lock()
	m.src = nil
	m.off += s.raw.n.Load()
	m.mu.Unlock()
}

// stop ends the display and waits for it.
func (m *meter) stop() {
	close(m.quit)
	m.wg.Wait()
	if m.bar != nil {
		_ = m.bar.Finish()
	}
}
