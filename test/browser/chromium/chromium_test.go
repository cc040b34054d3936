package chromium

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	const debianText, fedora = "PRETTY_NAME=\"Debian GNU/Linux 12\"\nID=debian\n", "ID=fedora\nID_LIKE=debian\n"
	for _, tc := range []struct {
		name, env, release string
		uid                int
		programs           []string // in PATH
		install            bool     // whether the package brings a program
		fails              string   // the apt-get command that fails
		want, wantErr      string
		ran                []string
	}{
		{name: "named", env: "/opt/c", programs: []string{"/opt/c", "chromium"}, want: "/bin//opt/c"},
		{name: "named but missing", env: "/opt/c", programs: []string{"chromium"}, wantErr: "CHROMIUM names /opt/c"},
		{name: "in PATH", programs: []string{"google-chrome", "chromium"}, want: "/bin/chromium"},
		{name: "other name", programs: []string{"google-chrome"}, want: "/bin/google-chrome"},
		{name: "installed", release: debianText, programs: []string{"apt-get"}, install: true, want: "/bin/chromium",
			ran: []string{"apt-get update", "apt-get install -y --no-install-recommends chromium"}},
		{name: "not root", release: debianText, uid: 1000, programs: []string{"apt-get"}, install: true, wantErr: "apt-get install chromium"},
		{name: "not Debian", release: fedora, programs: []string{"apt-get"}, install: true, wantErr: "CHROMIUM=PATH"},
		{name: "no apt", release: debianText, wantErr: "CHROMIUM=PATH"},
		{name: "no lists", release: debianText, programs: []string{"apt-get"}, fails: "update", wantErr: "apt-get update failed: exit: no network", ran: []string{"apt-get update"}},
		{name: "empty package", release: debianText, programs: []string{"apt-get"}, wantErr: "no such program",
			ran: []string{"apt-get update", "apt-get install -y --no-install-recommends chromium"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			programs := slices.Clone(tc.programs)
			var ran []string
			sys := System{
				Getenv: func(k string) string {
					if k == Variable {
						return tc.env
					}
					return ""
				},
				LookPath: func(n string) (string, error) {
					if slices.Contains(programs, n) {
						return "/bin/" + n, nil
					}
					return "", exec.ErrNotFound
				},
				OSRelease: func() string { return tc.release },
				UID:       func() int { return tc.uid },
				Run: func(_ context.Context, out io.Writer, name string, args ...string) error {
					ran = append(ran, name+" "+strings.Join(args, " "))
					if args[0] == tc.fails {
						_, _ = io.WriteString(out, "no network\n")
						return errors.New("exit")
					}
					if args[0] == "install" && tc.install {
						programs = append(programs, "chromium")
					}
					return nil
				},
			}
			got, err := Find(t.Context(), sys, io.Discard)
			if got != tc.want || (err == nil) != (tc.wantErr == "") || err != nil && !strings.Contains(err.Error(), tc.wantErr) {
				t.Errorf("got %q, %v; want %q, %q", got, err, tc.want, tc.wantErr)
			}
			if !slices.Equal(ran, tc.ran) {
				t.Errorf("ran %q, want %q", ran, tc.ran)
			}
		})
	}
}
