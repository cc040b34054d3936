package cli

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal returns a terminal on which the line has been typed.
func terminal(t *testing.T, line string) *os.File {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = slave.Close() })
	if _, err := master.WriteString(line); err != nil {
		t.Fatal(err)
	}
	return slave
}

// A person at a terminal repeats the id of a tenant that is deleted; a script, and who says --yes, is not asked.
func TestDeleteAsks(t *testing.T) {
	asked := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write([]byte(`{"id":"abc"}`))
	}))
	defer srv.Close()
	for _, tc := range []struct {
		typed   string
		flags   []string
		deletes bool
		says    string
	}{
		{"acme\n", nil, true, "Repeat its id to go on: tenant acme is deleted"},
		{" acme \n", nil, true, "tenant acme is deleted"},
		{"y\n", nil, false, `nothing was deleted: the answer is "y" and not "acme"; --yes does not ask`},
		{"\n", nil, false, "nothing was deleted"},
		{"\x04", nil, false, "nothing was deleted"}, // end of input
		{"", []string{"--yes"}, true, "tenant acme is deleted"},
	} {
		var out bytes.Buffer
		asked = 0
		p := &Process{Args: append([]string{"tenant", "delete", "--server", srv.URL, "--key", "k", "acme"}, tc.flags...), In: terminal(t, tc.typed), Out: &out, Err: &out}
		code := Main(context.Background(), p)
		if (code == 0) != tc.deletes || (asked == 1) != tc.deletes || !strings.Contains(out.String(), tc.says) || strings.Contains(out.String(), "Repeat") != (tc.flags == nil) {
			t.Errorf("%q %v: exit code %d, %d requests\n%s", tc.typed, tc.flags, code, asked, &out)
		}
	}
	var out bytes.Buffer
	asked = 0
	p := &Process{Args: []string{"tenant", "delete", "--server", srv.URL, "--key", "k", "acme"}, In: strings.NewReader(""), Out: &out, Err: &out}
	if code := Main(context.Background(), p); code != 0 || asked != 1 || strings.Contains(out.String(), "Repeat") {
		t.Errorf("a script: exit code %d, %d requests\n%s", code, asked, &out)
	}
}
