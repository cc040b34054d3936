package system

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/internal/client"
	"weir/internal/demo"
	"weir/internal/importer"
	"weir/test/system/harness"
)

// logLine is the independent count's only knowledge of the format.
var logLine = regexp.MustCompile(`^\S+ \S+ \S+ \[(\d\d)/(\w{3})/(\d{4}):(\d\d):[^\]]*\] "\S+ ([^ ?#"]*)\S* [^"]*" (\d{3}) `)

// countLines counts by day, path and status with a regular expression. The logs are in UTC.
func countLines(t *testing.T, text []byte) map[string]int64 {
	counts := map[string]int64{}
	for line := range strings.Lines(string(text)) {
		m := logLine.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("the count cannot read %q", line)
		}
		day, err := time.Parse("02 Jan 2006", m[1]+" "+m[2]+" "+m[3])
		if err != nil {
			t.Fatal(err)
		}
		counts[day.Format(time.DateOnly)+" "+m[5]+" "+m[6]]++
	}
	return counts
}

// storedCounts asks weir the same.
func storedCounts(ctx context.Context, t *testing.T, c *client.Client) map[string]int64 {
	t.Helper()
	res, err := c.QueryRows(ctx, client.QueryRequest{SQL: `SELECT toString(toDate(ts)) AS day, path, toString(props_num['status']) AS status, count() AS n
		FROM events GROUP BY day, path, status`})
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int64{}
	for _, row := range res.Data {
		var n int64
		if _, err := fmt.Sscan(fmt.Sprint(row["n"]), &n); err != nil {
			t.Fatal(err)
		}
		counts[fmt.Sprintf("%s %s %s", row["day"], row["path"], row["status"])] += n
	}
	return counts
}

// The logs that are imported: the bundled sample, and a larger one beside the module where it is.
func accessLogs(t *testing.T) map[string][]byte {
	z, err := gzip.NewReader(bytes.NewReader(demo.Sample()))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	logs := map[string][]byte{"sample": text}
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(root, "..", "shared", "data", "apache_access.log")); err == nil {
		logs["full"] = text
	} else {
		t.Log("the full access log is not beside the module; only the bundled sample is imported")
	}
	return logs
}

// An imported access log gives the same counts by day, path and status as a count of its text; a second import changes
// nothing, and a grown log adds its new lines.
func TestImportedLogEqualsIndependentCount(t *testing.T) {
	t.Parallel()
	s := harness.StartT(t, harness.Config{})
	for name, text := range accessLogs(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // a step waits up to 10 s for the late stream
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			tenant, err := s.NewTenant(ctx, "import-"+name)
			if err != nil {
				t.Fatal(err)
			}
			reader := s.Client(tenant.Analyst)
			half := bytes.LastIndexByte(text[:len(text)/2], '\n') + 1
			for i, part := range [][]byte{text[:half], text, text} {
				sum, err := importer.Run(ctx, importer.Options{Client: s.Client(tenant.WriteKey), SiteID: tenant.SiteID, Format: importer.Combined,
					Inputs: []importer.Input{{Name: name, Open: func() (io.ReadCloser, int64, error) {
						return io.NopCloser(bytes.NewReader(part)), int64(len(part)), nil
					}}}}, nil)
				if err != nil {
					t.Fatal(err)
				}
				if sum.Rejected != 0 {
					t.Fatalf("import %d: %+v", i, sum)
				}
				lines := int64(bytes.Count(part, []byte("\n")))
				if sum.Accepted+sum.Done != lines || (i == 2 && sum.Accepted != 0) {
					t.Fatalf("import %d of %d lines: %+v", i, lines, sum)
				}
				if err := harness.WaitCount(ctx, reader, "SELECT count() FROM events", lines); err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(countLines(t, part), storedCounts(ctx, t, reader)); d != "" {
					t.Fatalf("import %d: counts by day, path and status differ (- text, + weir):\n%s", i, d)
				}
			}
		})
	}
}
