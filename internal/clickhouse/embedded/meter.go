package embedded

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"time"

	"weir/internal/clickhouse"
)

// usage is what a statement has used so far.
type usage struct {
	clickhouse.Summary
	at    time.Duration // after its begin
	total uint64        // rows that it is expected to read
}

func (u usage) summary() clickhouse.Summary { return u.Summary }

// When a statement's CPU is read. A statement shorter than sampleAfter is not
// worth a look at the list of statements (milliseconds of CPU): what its own thread used is nearly all.
const (
	sampleAfter = 5 * time.Millisecond
	sampleEvery = 250 * time.Millisecond
	firstSample = 25 * time.Millisecond
	quietFor    = 100 * time.Millisecond
)

// watch begins the statement's time: it is sampled while it runs, and killed when ctx ends or its time is over.
func (c *call) watch(ctx context.Context) {
	c.begin, c.thread = time.Now(), threadCPU()
	c.quiet = c.statements.mayBeQuiet(c.req.comment)
	wait := firstSample
	c.mu.Lock()
	defer c.mu.Unlock()
	var t *time.Timer
	c.sampling.Add(1)
	t = time.AfterFunc(wait, func() {
		passed := !c.begun.Load() && c.unlooked(time.Since(c.begin))
		if !passed {
			c.sample()
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.over {
			c.sampling.Done()
			return
		}
		if !passed {
			wait = min(2*wait, sampleEvery)
		}
		t.Reset(wait)
	})
	c.stopTimer = func() {
		if t.Stop() { // else it samples, and will see that the statement is over
			c.sampling.Done()
		}
	}
	wanted, cancel := ctx, context.CancelFunc(func() {})
	if d := c.req.timeLimit(); d > 0 {
		ctx, cancel = context.WithTimeout(ctx, d+time.Second)
	}
	c.killing.Add(1)
	after := context.AfterFunc(ctx, func() {
		defer c.killing.Done()
		if wanted.Err() == nil {
			c.late.Store(true)
		}
		c.kill()
	})
	c.stopAfter = func() bool {
		stopped := after()
		if stopped {
			c.killing.Done()
		}
		cancel()
		return stopped
	}
}

// unwatch ends the statement's time and reports whether it was killed. After it no kill can hit the connection.
func (c *call) unwatch() bool {
	c.mu.Lock()
	c.over = true
	c.mu.Unlock()
	c.stopTimer()
	c.stopAfter()
	c.killing.Wait()
	return c.killedBefore()
}

func (c *call) killedBefore() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.killed
}

// kill asks the engine to end the statement until it has ended. It never waits for it (KILL … SYNC can hang).
func (c *call) kill() {
	for {
		c.mu.Lock()
		over := c.over
		c.killed = c.killed || !over
		c.mu.Unlock()
		if over {
			return
		}
		if sess, err := c.pool.take(context.Background(), "", nil); err == nil {
			if err := sess.run("KILL QUERY WHERE Settings['log_comment'] = " + quote(c.sess.mark) + " ASYNC FORMAT Null"); err != nil {
				sess.conn.Close()
			} else {
				c.pool.give(sess)
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// timeOver is err, or the engine's error of a time limit where err says that the statement was killed and that was why: on a busy machine it may be killed before the
// engine has looked at the clock itself.
func (c *call) timeOver(err error) error {
	if err == nil || !c.late.Load() || engineError(err).Code != clickhouse.CodeQueryWasCancelled {
		return err
	}
	return &clickhouse.Error{Code: clickhouse.CodeTimeoutExceeded, Name: "TIMEOUT_EXCEEDED", Message: fmt.Sprintf("Timeout exceeded: elapsed %.3f seconds, maximum: %g", time.Since(c.begin).Seconds(), c.req.timeLimit().Seconds()),
		Status: http.StatusBadRequest}
}

// sampleBeforeEnd samples a stream that may have given its last piece (likely says
// that it has, first that it is its first): until the next is asked for the statement is still listed. The library's own
// count of rows read misses what is read between two pieces.
//
// Samples of the timer do not count: threads tell what they have used when they read a table and when they leave the statement, so that
// while one only computes a sample shows next to nothing of it. One that has just made the last piece is about to leave: where much is missing, it
// is waited for.
func (c *call) sampleBeforeEnd(first, likely bool) {
	age := time.Since(c.begin)
	if first && c.unlooked(age) {
		return
	}
	if !likely && (age < sampleAfter || age-c.looked < max(sampleAfter, age/20)) || c.looking > age/lookingPart || !c.sample() {
		return
	}
	c.looked = age
	defer func() { c.looking += time.Since(c.begin) - age }()
	for wait := time.Millisecond; wait <= min(age/leaveWaits-c.waited, maxLeaveWait) && c.misses(age); wait *= 2 {
		c.waited += wait
		time.Sleep(wait)
		if !c.sample() {
			return
		}
	}
}

// unlooked says whether a statement can do without a look at it so far. It is short, runs alone, so that its CPU is what the process uses meanwhile, and the memory of
// statements of its kind is known from others, of which a random part is looked at. What it has read up to its first piece that piece tells.
func (c *call) unlooked(age time.Duration) bool { return c.quiet && age < quietFor && c.solos.alone(c) }

// lookingPart is the part of a statement's age that looks at it between two pieces may take: each takes milliseconds, and an answer of many small pieces, as one that
// does not sort, would be looked at after each. What is read after the latest look is missing from what the statement is said to have read.
const lookingPart = 10

// How long the threads of a statement are waited for: a part of its age so far at most, in all its pieces together (any small one may be the last), and never longer than that at a time.
const (
	leaveWaits   = 20
	maxLeaveWait = 16 * time.Millisecond
)

// misses says whether samples show so little that most of it may be missing. What a busy machine makes slow looks the same.
func (c *call) misses(age time.Duration) bool {
	c.mu.Lock()
	known := c.last.CPU
	c.mu.Unlock()
	return 4*known < min(age, c.unsaid(age))
}

// sample reads the statement's CPU and memory from the list of running statements. It reports whether the statement is there.
func (c *call) sample() bool {
	l := c.listing.look()
	found, ok := l.list[c.sess.mark]
	if !ok {
		return false // it is not listed (any more)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	u := &c.last
	if found.cpu >= u.CPU {
		u.CPU, u.at = found.cpu, l.begin.Sub(c.begin)
	}
	u.PeakMemory, u.ReadRows, u.ReadBytes = max(u.PeakMemory, found.peakMemory), max(u.ReadRows, found.readRows), max(u.ReadBytes, found.readBytes)
	u.total = found.total
	c.chargeLocked(u.CPU)
	return true
}

// unsaid is what statements have used since this one began and no other one has said: the most that this one can have used, if the others
// have said all of theirs.
func (c *call) unsaid(elapsed time.Duration) time.Duration {
	rest := c.threads.statements() - c.from - (c.statements.all() - c.said - c.hasCharged())
	threads := runtime.NumCPU()
	if n, err := strconv.Atoi(c.req.settings["max_threads"]); err == nil && n > 0 {
		threads = min(threads, n)
	}
	return min(rest, elapsed*time.Duration(threads))
}

// hasCharged is the statement's part of server.statements.
func (c *call) hasCharged() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.charged
}

// charge makes the statement's part of server.statements total.
func (c *call) charge(total time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.chargeLocked(total)
}

func (c *call) chargeLocked(total time.Duration) {
	if d := total - c.charged; d > 0 {
		c.statements.add(c.req.comment, d)
		c.charged = total
	}
}

// usage returns what the whole statement used. The engine counts the threads
// of its pipeline and this thread's time inside the library; what came after the last
// sample is reckoned at the rate before it. This thread's time outside the library (reading and writing the socket) is added.
//
// Of one that ran alone the process tells it all. Nobody could look at the end of another one whose answer was made in one, or that ended before
// its first piece: it is given what the process used meanwhile and no other statement said. What is reckoned is not more than what is left to charge.
func (c *call) usage() usage {
	elapsed, alone := time.Since(c.begin), c.req.data == nil && c.solos.alone(c)
	c.solos.mu.Lock() // of two that end at once none is given what the other one is
	defer c.solos.mu.Unlock()
	unsaid, room := time.Duration(0), c.hasCharged()+c.solos.leftLocked(c)
	switch {
	case c.req.data != nil:
	case alone && elapsed >= sampleAfter:
		unsaid = c.threads.statements() - c.from
		c.exact = c.looked == 0
	case c.looked == 0 && elapsed >= firstSample:
		unsaid = c.unsaid(elapsed)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	u := c.last
	switch {
	case u.PeakMemory > 0:
		c.statements.learnMemory(c.req.comment, u.PeakMemory)
	case c.quiet && elapsed >= sampleAfter:
		u.PeakMemory = c.statements.memory(c.req.comment)
	}
	u.Elapsed = elapsed
	thread := threadCPU() - c.thread
	sampled := u.CPU
	if u.at > 0 {
		u.CPU += time.Duration(float64(u.Elapsed-u.at)*float64(u.CPU)/float64(u.at)) + max(0, thread-c.inside)
	}
	c.own = max(u.CPU, thread)
	if alone && elapsed >= sampleAfter {
		u.CPU = max(sampled, thread, unsaid)
	} else {
		u.CPU = max(sampled, thread, min(max(u.CPU, unsaid), room))
	}
	c.used = u.CPU
	c.chargeLocked(u.CPU)
	st := c.stats
	u.ReadRows, u.ReadBytes = max(u.ReadRows, st.ReadRows), max(u.ReadBytes, st.ReadBytes)
	u.WrittenRows, u.WrittenBytes = st.WrittenRows, st.WrittenBytes
	u.ResultRows, u.ResultBytes = st.ResultRows, st.ResultBytes
	if c.forTenant() {
		u.Summary = u.Told()
	}
	return u
}

// read is what the statement has read and answered, and how long it took so far. Unlike usage it does not reckon CPU, which takes a dozen looks at clocks.
func (c *call) read() clickhouse.Summary {
	c.mu.Lock()
	defer c.mu.Unlock()
	st := c.stats
	sum := clickhouse.Summary{ReadRows: max(c.last.ReadRows, st.ReadRows), ReadBytes: max(c.last.ReadBytes, st.ReadBytes), ResultRows: st.ResultRows, Elapsed: time.Since(c.begin)}
	if c.forTenant() {
		return sum.Told()
	}
	return sum
}

// forTenant says whether a tenant is told what the statement used.
func (c *call) forTenant() bool { return c.req.tenant != "" && c.req.tenant != operator }

// library times what f spends in the library on this thread.
func (c *call) library(f func()) {
	t := threadCPU()
	f()
	c.inside += threadCPU() - t
}
