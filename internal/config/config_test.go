package config

import (
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "rewrite docs/CONFIG.md and testdata")

func TestDefaultsAreValid(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
}

func TestReferenceIsCurrent(t *testing.T) { golden(t, "../../docs/CONFIG.md", Reference()) }

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s is stale; run `go test ./internal/config -update`\n-want +got:\n%s", path, d)
	}
}

func TestOptionsAreWellFormed(t *testing.T) {
	seen := map[string]bool{}
	c := Default()
	for _, o := range options(c) {
		for _, name := range []string{o.Key, "--" + o.Flag, o.Env} {
			if seen[name] {
				t.Errorf("%s stands for two options", name)
			}
			seen[name] = true
		}
		if o.Help == "" || !strings.HasSuffix(o.Help, ".") || o.Kind == "" {
			t.Errorf("%s: help %q, kind %q", o.Key, o.Help, o.Kind)
		}
		if err := o.value.set(o.Default); err != nil {
			t.Errorf("%s: its default %q is not read back: %v", o.Key, o.Default, err)
		}
	}
	if d := cmp.Diff(fmt.Sprint(Default()), fmt.Sprint(c)); d != "" {
		t.Errorf("defaults change when they are set from text: %s", d)
	}
	for env, key := range map[string]string{"WEIR_ADMIN_TOKEN": "admin_token", "WEIR_DATA_DIR": "data_dir", "WEIR_LIBCHDB": "libchdb", "WEIR_LISTEN": "listen"} {
		if !seen[env] || !seen[key] {
			t.Errorf("%s or %s is gone; others rely on them", env, key)
		}
	}
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "weir.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPrecedence(t *testing.T) {
	path := writeFile(t, "listen: file:1\nlog:\n  retention: 3d\n  max_size: 1GB\nlog.partitions: 3\ndedupe:\nhttp:\n  trusted_proxies: [10.1.2.3/8, '::1']\n")
	l, err := Load(Input{
		Flags:   map[string]string{"listen": "flag:1"},
		Environ: []string{"WEIR_LISTEN=env:1", "WEIR_LOG_RETENTION=2d", "WEIR_DATA_DIR=", "HOME=x", "WEIR_CONFIG=" + path},
	})
	if err != nil {
		t.Fatal(err)
	}
	c := l.Config
	for what, pair := range map[string][3]string{
		"listen":               {c.Listen, "flag:1", "flag --listen"},
		"log.retention":        {FormatDuration(c.Log.Retention), "2d", "WEIR_LOG_RETENTION"},
		"log.max_size":         {c.Log.MaxSize.String(), "1GB", path + ":4"},
		"log.partitions":       {fmt.Sprint(c.Log.Partitions), "3", path + ":5"},
		"data_dir":             {c.DataDir, "./data", "default"},
		"http.trusted_proxies": {fmt.Sprint(c.HTTP.TrustedProxies), "[10.0.0.0/8 ::1/128]", path + ":8"},
	} {
		if pair[0] != pair[1] || l.Origin[what] != pair[2] {
			t.Errorf("%s = %s from %s, want %s from %s", what, pair[0], l.Origin[what], pair[1], pair[2])
		}
	}
	if len(l.Warnings) != 0 {
		t.Errorf("warnings: %v", l.Warnings)
	}
}

func TestLoadErrors(t *testing.T) {
	for _, tc := range []struct {
		name string
		file string
		in   Input
		want []string
	}{
		{"unknown key", "lisen: x:1", Input{}, []string{`weir.yaml:1: unknown key "lisen", did you mean "listen"?`}},
		{"unknown in a section", "log:\n  retension: 1d", Input{}, []string{`weir.yaml:2: unknown key "log.retension", did you mean "log.retention"?`}},
		{"key without its section", "retention: 1d", Input{}, []string{`did you mean "log.retention"?`}},
		{"nothing near", "qqqqqqqqqqqqq: 1", Input{}, []string{`unknown key "qqqqqqqqqqqqq"`}},
		{"unknown without value", "nosuch:", Input{}, []string{`unknown key "nosuch"`}},
		{"unknown empty section", "nosuch: {}", Input{}, []string{`unknown key "nosuch"`}},
		{"section as value", "log: 3", Input{}, []string{`unknown key "log"`}},
		{"value as section", "listen:\n  a: b", Input{}, []string{`unknown key "listen.a"`}},
		{"twice", "listen: a:1\nlisten: b:1", Input{}, []string{"weir.yaml:2: listen is set twice, first at"}},
		{"twice by dot", "log.partitions: 1\nlog:\n  partitions: 2", Input{}, []string{"weir.yaml:3: log.partitions is set twice, first at"}},
		{"not yaml", "a: [", Input{}, []string{"configuration file", "weir.yaml"}},
		{"a list", "- a", Input{}, []string{"weir.yaml:1: the file must be a mapping"}},
		{"nested list", "roles: [[a]]", Input{}, []string{"roles", "plain values"}},
		{"alias", "listen: &a x:1\ndata_dir: *a", Input{}, []string{"weir.yaml:2: data_dir: anchors and aliases"}},
		{"no unit", "log:\n  retention: 7\n  max_size: 10", Input{}, []string{"log.retention (", `"7" lacks a unit`, "log.max_size (", `"10" lacks a unit`}},
		{"bad flag", "", Input{Flags: map[string]string{"log-max-disk": "95"}}, []string{"log.max_disk (flag --log-max-disk)", "like 95%"}},
		{"bad variable", "", Input{Environ: []string{"WEIR_LOG_PARTITIONS=many"}}, []string{"log.partitions (WEIR_LOG_PARTITIONS)", "whole number"}},
		{"bad price", "prices: {out_gb: NaN}\nmetering: {webhook_private: maybe}", Input{}, []string{"prices.out_gb", "is not a price", "metering.webhook_private", "neither yes nor no"}},
		{"bad proxy", "", Input{Environ: []string{"WEIR_HTTP_TRUSTED_PROXIES=10.0.0.0/8,nonsense"}}, []string{`"nonsense" is neither an address nor a range`}},
		{"validation", "", Input{Flags: map[string]string{"listen": "nowhere", "roles": "al"}}, []string{`listen: "nowhere" is not host:port`, `roles: "al" is no role, did you mean "all"?`}},
		{"no file", "", Input{File: "/does/not/exist.yaml"}, []string{"/does/not/exist.yaml", "no such file"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.file != "" {
				tc.in.File = writeFile(t, tc.file)
			}
			l, err := Load(tc.in)
			if err == nil {
				t.Fatalf("no error; got %s", l.YAML())
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error does not say %q:\n%v", want, err)
				}
			}
		})
	}
}

func TestValidateReportsEveryProblem(t *testing.T) {
	c := &Config{AdminToken: "short token", ClickHouseListen: "x", Engine: Engine{Memory: 1}, Log: Log{MaxSize: 1}, Ingest: Ingest{MaxEvent: 1 << 20, SnowplowPath: "/api/v1"},
		Query: Query{Cache: -1}, HTTP: HTTP{IPRate: -1}, Limits: Limits{-1, -1, -1, -1, -1, -1, -1, -1, -1},
		Prices: Prices{"eur", -1, -1, -1, -1, -1, -1, -1, -1}, Audit: Audit{Retention: 1}}
	err := c.Validate()
	if err == nil {
		t.Fatal("no error")
	}
	all := err.Error()
	for _, o := range Options() {
		switch o.Key {
		case "tls.cert", "tls.key": // see TestTLS
			continue
		case "libchdb", "enrich.country_file", "enrich.city_file", "enrich.salt_file", "http.trusted_proxies", "http.drain", "metering.webhook_private", "metering.keep_billing", "metering.region", "sign_in.oidc": // any value that can be read is right
			continue
		}
		if !strings.Contains(all, o.Key+": ") {
			t.Errorf("nothing is said about %s", o.Key)
		}
	}
	if strings.Contains(all, "short token") {
		t.Error("the token is printed")
	}
}

func TestTLS(t *testing.T) {
	for _, tc := range []struct {
		tls  TLS
		says string
	}{{TLS{}, ""}, {TLS{"c", "k"}, ""}, {TLS{"c", ""}, "tls.key: "}, {TLS{"", "k"}, "tls.cert: "}} {
		c := Default()
		c.TLS = tc.tls
		if err := c.Validate(); (err == nil) != (tc.says == "") || err != nil && !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%+v: %v", tc.tls, err)
		}
	}
}

func TestWarnings(t *testing.T) {
	l, err := Load(Input{Environ: []string{"WEIR_LISTN=x", "WEIR_SERVICE_HOST=10.0.0.1", "WEIR_PORT_8080_TCP_ADDR=1", "WEIR_KEY=k", "WEIR_ADMIN_TOKEN=short"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`the variable WEIR_LISTN is not known, did you mean "WEIR_LISTEN"?`,
		"admin_token has 5 characters: use at least 16 that nobody can guess"}
	if d := cmp.Diff(want, l.Warnings); d != "" {
		t.Error(d)
	}
}

func TestEffectiveYAML(t *testing.T) {
	const token = "this-is-the-operators-token"
	l, err := Load(Input{Environ: []string{"WEIR_ADMIN_TOKEN=" + token}, Flags: map[string]string{"data-dir": "a: b # c"}})
	if err != nil {
		t.Fatal(err)
	}
	got := l.YAML()
	if strings.Contains(got, token) || !strings.Contains(got, mask) {
		t.Errorf("the token is not masked:\n%s", got)
	}
	golden(t, "testdata/effective.yaml", got)

	// What is printed is a configuration file with the same content.
	path := writeFile(t, strings.ReplaceAll(got, mask, token))
	again, err := Load(Input{File: path})
	if err != nil {
		t.Fatal(err)
	}
	if again.Config.AdminToken.Reveal() != token {
		t.Error("the token is lost")
	}
	if d := cmp.Diff(fmt.Sprint(l.Config), fmt.Sprint(again.Config)); d != "" {
		t.Error(d)
	}
}

func TestSecretIsNeverPrinted(t *testing.T) {
	const token = "this-is-the-operators-token"
	c := Default()
	c.AdminToken = token
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "config", c, "token", c.AdminToken)
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{log.String(), string(asJSON), string(asYAML), fmt.Sprint(c), fmt.Sprintf("%+v %#v %s %q", *c, *c, c.AdminToken, c.AdminToken)} {
		if strings.Contains(text, token) {
			t.Errorf("the secret is printed: %s", text)
		}
	}
	if c.AdminToken.Reveal() != token || Secret("").String() != "" {
		t.Error("Reveal or the empty secret is wrong")
	}
}

func TestHasRole(t *testing.T) {
	all, some := Config{Roles: []string{"all"}}, Config{Roles: []string{"collect", "query"}}
	if !all.HasRole(RoleProcess) || !some.HasRole(RoleQuery) || some.HasRole(RoleProcess) {
		t.Error("roles are wrong")
	}
}

func TestFractionAndUnits(t *testing.T) {
	if Percent(95).Fraction() != 0.95 {
		t.Error("95 % is not 0.95")
	}
	if d := Default(); d.Dedupe.Window != 7*24*time.Hour || d.Ingest.MaxBody != 10<<20 {
		t.Error("defaults are wrong")
	}
}
