package system

import (
	"bytes"
	"io/fs"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"weir/test/system/harness"
)

// TestNoAddressOnDisk: after events through all doors, weir's own and foreign ones, no file of the data directory holds the address of a sender, as text or in
// binary, nor a key that came with events, and no column does.
func TestNoAddressOnDisk(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("/tmp", "weir-address-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	srv := harness.StartT(t, harness.Config{Dir: dir, Args: []string{"--http-trusted-proxies", "127.0.0.0/8"}})
	ctx := t.Context()
	tn, err := srv.NewTenant(ctx, "acme")
	if err != nil {
		t.Fatal(err)
	}
	addresses := []string{"203.0.113.217", "198.51.100.143", "2001:db8:7a1e:90c4::b42f"}
	site := tn.SiteID
	sent := int64(0)
	for _, ip := range addresses {
		for _, r := range []struct{ method, path, key, body string }{
			{"POST", "/collect", "", `{"site_id":"` + site + `","events":[{"type":"pageview","url":"https://a.example/"}]}`},
			{"GET", "/pixel.gif?site_id=" + site + `&events=%7B%22type%22%3A%22pixel%22%7D`, "", ""},
			{"POST", "/ingest", tn.WriteKey, `{"type":"x","ip":"` + ip + `"}`},
			{"POST", "/ingest", tn.WriteKey, `{`}, // refused
			{"POST", "/collect", "", `{"site_id":"nobody","events":[{"type":"x"}]}`},
			{"POST", "/ingest", "wk_w_abcdefghijklmnopqrstuvwxyz234567", `{"type":"x"}`},
			{"POST", "/api/v1/events", "wk_w_abcdefghijklmnopqrstuvwxyz234567", `{"specversion":"1.0","id":"1","source":"s","type":"x"}`},
			{"POST", "/v1/logs", "wk_w_abcdefghijklmnopqrstuvwxyz234567", `{}`},
			{"POST", "/ingest", tn.WriteKey, `{"specversion":"1.0","id":"` + ip[:7] + `","source":"s","type":"cloud","data":{"ip":"` + ip + `"}}`},
			{"POST", "/v1/track", tn.WriteKey, `{"event":"e","userId":"u","context":{"ip":"` + ip + `"}}`},
			{"POST", "/v1/track", tn.WriteKey, `{"event":"e","userId":"u","context":{"ip":["` + ip + `"]}}`},
			{"POST", "/batch/", "", `{"api_key":"` + tn.WriteKey + `","batch":[{"event":"e","distinct_id":"u","properties":{"$ip":"` + ip + `"}}]}`},
			{"POST", "/api/event", "", `{"n":"e","u":"https://a.example/","d":"` + site + `"}`},
			{"POST", "/com.snowplowanalytics.snowplow/tp2", "", `{"data":[{"e":"se","se_ac":"e","aid":"` + tn.WriteKey + `","uid":"u","ip":"` + ip + `"}]}`},
			{"POST", "/mp/collect?api_secret=" + tn.WriteKey, "", `{"client_id":"c","ip_override":"` + ip + `","events":[{"name":"e"}]}`},
			{"POST", "/mp/collect?api_secret=nobody", "", `{"client_id":"c","ip_override":"` + ip + `","events":[{"name":"e"}]}`}, // refused
			{"POST", "/v1/logs", tn.WriteKey, `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"eventName":"e","attributes":[{"key":"client.address","value":{"stringValue":"` + ip + `"}}]}]}]}]}`},
		} {
			if a := call(ctx, t, r.method, srv.URL+r.path, r.key, r.body, "X-Forwarded-For", ip, "User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"); a.status >= http.StatusInternalServerError {
				t.Fatalf("%s %s: %d %s", r.method, r.path, a.status, a.text)
			} else if a.status < http.StatusMultipleChoices {
				sent++
			}
		}
	}
	if want := int64(11 * len(addresses)); sent != want {
		t.Fatalf("%d events were taken, want %d", sent, want)
	}
	analyst := srv.Client(tn.Analyst)
	if err := harness.WaitCount(ctx, analyst, "SELECT count() FROM events WHERE net != ''", sent); err != nil {
		t.Fatal(err)
	}
	if n, err := harness.Count(ctx, analyst, "SELECT count() FROM events WHERE type IN ('pageview', 'pixel') AND startsWith(client_id, 'd-')"); err != nil || n != 6 {
		t.Errorf("%d events have an id of the day: %v", n, err)
	}
	for _, ip := range addresses {
		backwards := []byte(ip) // the statement's text is kept in the audit log
		slices.Reverse(backwards)
		if n, err := harness.Count(ctx, analyst, "SELECT count() FROM events WHERE position(toString(tuple(*)), reverse('"+string(backwards)+"')) > 0"); err != nil || n != 0 {
			t.Errorf("%d rows hold %s: %v", n, ip, err)
		}
	}
	if err := srv.Stop(); err != nil {
		t.Fatal(err)
	}
	binaries := 0 // four bytes may occur by chance, and so for two addresses hardly ever
	for _, ip := range addresses {
		addr := netip.MustParseAddr(ip)
		forms := [][]byte{[]byte(ip), []byte(addr.StringExpanded()), []byte(tn.WriteKey)} // some clients put the key into addresses and bodies
		raw := addr.AsSlice()
		found := false
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, f := range forms {
				if bytes.Contains(b, f) {
					t.Errorf("%s holds %s", path, f)
				}
			}
			found = found || bytes.Contains(b, raw)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if found && addr.Is6() {
			t.Errorf("the data directory holds the bytes of %s", ip)
		} else if found {
			binaries++
		}
	}
	if binaries > 1 {
		t.Error("the data directory holds the bytes of the addresses")
	}
}
