package config

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// YAML prints the effective configuration as a configuration file; each line says where its value came from. Secrets are masked.
func (l *Loaded) YAML() string {
	var b strings.Builder
	section := ""
	for _, o := range options(l.Config) {
		name := o.Key
		if s, rest, ok := strings.Cut(o.Key, "."); ok {
			if s != section {
				section = s
				fmt.Fprintf(&b, "%s:\n", s)
			}
			name = "  " + rest
		}
		fmt.Fprintf(&b, "%-40s # %s\n", name+": "+scalar(o.value.get()), l.Origin[o.Key])
	}
	return b.String()
}

func scalar(s string) string {
	out, err := yaml.Marshal(s)
	if err != nil {
		return fmt.Sprintf("%q", s)
	}
	text := strings.TrimSuffix(string(out), "\n")
	if strings.ContainsRune(text, '\n') { // a block; a comment cannot follow it
		return fmt.Sprintf("%q", s)
	}
	return text
}

// Reference is docs/CONFIG.md.
func Reference() string {
	var b strings.Builder
	b.WriteString(`# Configuration

This page is generated from the table in internal/config/options.go: ` + "`go test ./internal/config -update`" + ` rewrites it.

A value comes from a flag, else an environment variable, else the YAML file, else its default.
The file is named by ` + "`--config`" + ` or ` + "`WEIR_CONFIG`" + `; its keys nest at the dot, and an unknown key is an error:

` + "```yaml" + `
listen: 0.0.0.0:8080
log:
  retention: 2d
` + "```" + `

Sizes carry a unit: ` + "`KB`, `MB`, `GB`, `TB`" + ` are powers of 1000, ` + "`KiB`, `MiB`, `GiB`, `TiB`" + ` of 1024. Durations carry
` + "`w`, `d`, `h`, `m`, `s`, `ms`, `us` or `ns`" + `, also in a row (` + "`1d12h`" + `). Lists are separated by commas, or are YAML lists.
` + "`weir config`" + ` prints what is in effect and where each value came from; secrets are masked.
`)
	section := "-"
	for _, o := range Options() {
		s, _, nested := strings.Cut(o.Key, ".")
		if !nested {
			s = ""
		}
		if s != section {
			section = s
			title := "General"
			if s != "" {
				title = "Section `" + s + "`"
			}
			fmt.Fprintf(&b, "\n## %s\n\n| key | default | what |\n|---|---|---|\n", title)
		}
		def := "empty"
		if o.Default != "" {
			def = "`" + o.Default + "`"
		}
		fmt.Fprintf(&b, "| `%s` (%s)<br>`--%s`<br>`%s` | %s | %s |\n", o.Key, o.Kind, o.Flag, o.Env, def, o.Help)
	}
	b.WriteString("\nClient commands take `--server` (`WEIR_SERVER`, default `http://127.0.0.1:8080`) and `--key` (`WEIR_KEY`).\n")
	return b.String()
}
