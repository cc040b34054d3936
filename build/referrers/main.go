// Command referrers writes the committed list of search engines, social networks and AI assistants anew, from a
// checkout of matomo-org/searchengine-and-social-list (CC0). It is for maintainers:
//
//	go run ./build/referrers -from CHECKOUT -version COMMIT internal/enrich/referrers.txt
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

func main() {
	from := flag.String("from", "", "`directory` of the checkout")
	version := flag.String("version", "", "its `commit`")
	flag.Parse()
	if err := run(*from, *version, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "referrers:", err)
		os.Exit(1)
	}
}

func run(from, version, target string) error {
	if from == "" || version == "" || target == "" {
		return errors.New("usage: referrers -from DIR -version COMMIT FILE")
	}
	var engines map[string][]struct{ URLs []string }
	var socials, assistants map[string][]string
	for file, to := range map[string]any{"SearchEngines.yml": &engines, "Socials.yml": &socials, "AIAssistants.yml": &assistants} {
		text, err := os.ReadFile(filepath.Join(from, file))
		if err != nil {
			return err
		}
		if err := yaml.Unmarshal(text, to); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	lines := map[string]bool{}
	add := func(channel string, hosts []string) {
		for _, h := range hosts {
			h = strings.TrimPrefix(strings.ToLower(h), "www.")
			if !strings.ContainsAny(h, "/ ") { // a path does not show in a referrer
				lines[channel+" "+h] = true
			}
		}
	}
	for _, configurations := range engines {
		for _, c := range configurations {
			add("search", c.URLs)
		}
	}
	for _, hosts := range socials {
		add("social", hosts)
	}
	for _, hosts := range assistants {
		add("ai", hosts)
	}
	sorted := make([]string, 0, len(lines))
	for l := range lines {
		sorted = append(sorted, l)
	}
	slices.Sort(sorted)
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Channel and host of referrers, one a line; {} stands for the code of a country.\n"+
		"# From matomo-org/searchengine-and-social-list at %s: CC0 1.0, no rights reserved.\n"+
		"# Rewritten by build/referrers; additions stand in referrers-more.txt, which goes before this list.\n", version)
	for _, l := range sorted {
		b.WriteString(l + "\n")
	}
	return os.WriteFile(target, b.Bytes(), 0o644)
}
