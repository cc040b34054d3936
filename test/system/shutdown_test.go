//go:build system

package system

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"weir/test/system/harness"
)

// TestSecondSignal stops weir while a request is under way that does not end, and then at once: it ends soon, without a panic of something that works
// on what was closed under it, and the next start finds everything that was acknowledged.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	srv := harness.StartT(t, harness.Config{Args: []string{"--metering-interval", "100ms"}})
	tenant, err := srv.NewTenant(t.Context(), "stop")
	if err != nil {
		t.Fatal(err)
	}
	l := startLoad(t, srv, tenant, 6)
	for range times(t, 6, 2) {
		conn, err := net.Dial("tcp", strings.TrimPrefix(srv.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "POST /ingest HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n", tenant.WriteKey)
		if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, " 100 ") { // it is under way now: its body is asked for
			t.Fatalf("%q, %v", line, err)
		}
		fmt.Fprint(conn, "{")
		if err := srv.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		time.Sleep(300 * time.Millisecond)
		select {
		case <-srv.Done():
			t.Fatalf("it did not wait for the request that is under way: %v", srv.Err())
		default:
		}
		begin := time.Now()
		if err := srv.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		select {
		case <-srv.Done():
		case <-time.After(time.Minute):
			t.Fatal("it did not end after the second signal")
		}
		out := srv.Output()
		if strings.Contains(out, "panic") || strings.Contains(out, "goroutine ") {
			t.Fatalf("it panicked:\n%s", out)
		}
		if srv.Err() == nil {
			t.Error("an aborted stop looks like a clean one")
		}
		t.Logf("ended %v after the second signal: %v", time.Since(begin), srv.Err())
		_ = conn.Close()
		if err := errors.Join(srv.Spawn(), srv.WaitReady(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	l.finish()
	l.verify(t)
}
