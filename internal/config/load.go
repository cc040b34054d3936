package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"weir/internal/problem"
)

// Input is where values come from.
type Input struct {
	Flags   map[string]string // by Option.Flag; only those that were given
	Environ []string          // as from os.Environ
	File    string            // path of the YAML file; empty: WEIR_CONFIG, or none
}

// Loaded is a configuration and where each value came from.
type Loaded struct {
	Config   *Config
	Origin   map[string]string // by Option.Key: "flag --listen", "WEIR_LISTEN", "weir.yaml:3", "default"
	Warnings []string          // what is odd and no error
}

// otherEnvs are variables that are not options of the server.
var otherEnvs = []string{"WEIR_CONFIG", "WEIR_SERVER", "WEIR_KEY"}

// Load reads the configuration and validates it. The error holds every problem.
func Load(in Input) (*Loaded, error) {
	l := &Loaded{Config: Default(), Origin: map[string]string{}}
	opts := options(l.Config)
	env := environ(in.Environ)
	path := in.File
	if path == "" {
		path = env["WEIR_CONFIG"]
	}
	var errs []error
	file := map[string]fileValue{}
	if path != "" {
		var err error
		if file, err = readFile(path); err != nil {
			errs = append(errs, err)
		}
	}
	known := map[string]bool{}
	for _, o := range opts {
		known[o.Key] = true
		text, origin, ok := pick(o, in.Flags, env, file)
		l.Origin[o.Key] = origin
		if !ok {
			continue
		}
		if err := o.value.set(text); err != nil {
			errs = append(errs, fmt.Errorf("%s (%s): %w", o.Key, origin, err))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(file)) {
		if !known[key] && !(file[key].empty && isSection(key, opts)) {
			errs = append(errs, fmt.Errorf("%s: unknown key %q%s", file[key].origin, key, suggestion(key, slices.Collect(maps.Keys(known)))))
		}
	}
	l.Warnings = warnings(l.Config, opts, env)
	if err := errors.Join(errs...); err != nil { // a value that was not read would only cause follow-up problems
		return nil, err
	}
	if err := l.Config.Validate(); err != nil {
		return nil, err
	}
	return l, nil
}

func pick(o Option, flags, env map[string]string, file map[string]fileValue) (text, origin string, ok bool) {
	if v, ok := flags[o.Flag]; ok {
		return v, "flag --" + o.Flag, true
	}
	if v := env[o.Env]; v != "" { // compose files and the like pass empty variables along
		return v, o.Env, true
	}
	if v, ok := file[o.Key]; ok && !v.empty {
		return v.text, v.origin, true
	}
	return "", "default", false
}

func environ(list []string) map[string]string {
	out := map[string]string{}
	for _, kv := range list {
		if k, v, ok := strings.Cut(kv, "="); ok && strings.HasPrefix(k, "WEIR_") {
			out[k] = v
		}
	}
	return out
}

// warnings tells of variables that are probably misspelled. They are no errors because others set such variables
// too: a cluster that runs a service named weir sets WEIR_PORT and WEIR_SERVICE_HOST in every container.
func warnings(c *Config, opts []Option, env map[string]string) []string {
	names := slices.Clone(otherEnvs)
	for _, o := range opts {
		names = append(names, o.Env)
	}
	var out []string
	for _, k := range slices.Sorted(maps.Keys(env)) {
		if s := suggestion(k, names); !slices.Contains(names, k) && s != "" {
			out = append(out, fmt.Sprintf("the variable %s is not known%s", k, s))
		}
	}
	if n := len(c.AdminToken); n > 0 && n < shortToken {
		out = append(out, fmt.Sprintf("admin_token has %d characters: use at least %d that nobody can guess", n, shortToken))
	}
	return out
}

const shortToken = 16 // characters below which an operator's token is warned about

// fileValue is a value of the YAML file as text, and its place.
type fileValue struct {
	text, origin string
	empty        bool // a key without a value: perhaps a section whose lines are commented out
}

func isSection(key string, opts []Option) bool {
	return slices.ContainsFunc(opts, func(o Option) bool { return strings.HasPrefix(o.Key, key+".") })
}

func readFile(path string) (map[string]fileValue, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("configuration file: %w", err)
	}
	return parseFile(path, data)
}

func parseFile(path string, data []byte) (map[string]fileValue, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("configuration file %s: %w", path, err)
	}
	out := map[string]fileValue{}
	if doc.Kind == 0 { // nothing but comments
		return out, nil
	}
	return out, collect(path, "", doc.Content[0], out)
}

// collect walks a mapping and notes its values under their full keys.
func collect(path, prefix string, n *yaml.Node, out map[string]fileValue) error {
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("%s:%d: %s must be a mapping of keys to values", path, n.Line, orFile(prefix))
	}
	var errs []error
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		key := strings.TrimPrefix(prefix+"."+k.Value, ".")
		origin := fmt.Sprintf("%s:%d", path, k.Line)
		if old, ok := out[key]; ok {
			errs = append(errs, fmt.Errorf("%s: %s is set twice, first at %s", origin, key, old.origin))
			continue
		}
		switch v.Kind {
		case yaml.MappingNode:
			if len(v.Content) == 0 {
				out[key] = fileValue{origin: origin, empty: true}
			}
			errs = append(errs, collect(path, key, v, out))
		case yaml.SequenceNode:
			text, err := listText(v)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %s: %w", origin, key, err))
			}
			out[key] = fileValue{text: text, origin: origin}
		case yaml.ScalarNode:
			out[key] = fileValue{text: v.Value, origin: origin, empty: v.Tag == "!!null"}
		default:
			errs = append(errs, fmt.Errorf("%s: %s: anchors and aliases are not supported", origin, key))
		}
	}
	return errors.Join(errs...)
}

func orFile(prefix string) string {
	if prefix == "" {
		return "the file"
	}
	return prefix
}

func listText(n *yaml.Node) (string, error) {
	var items []string
	for _, item := range n.Content {
		if item.Kind != yaml.ScalarNode {
			return "", errors.New("a list may hold plain values only")
		}
		items = append(items, item.Value)
	}
	return strings.Join(items, ","), nil
}

// suggestion is `, did you mean "x"?` for the nearest of the known words, or empty when none is near.
func suggestion(word string, known []string) string {
	best, least := "", max(2, len(word)/3)+1
	slices.Sort(known)
	for _, k := range known {
		d := problem.Edits(word, k)
		if tail := k[strings.LastIndexByte(k, '.')+1:]; tail != k { // a key without its section
			d = min(d, 1+problem.Edits(word, tail))
		}
		if d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q?", best)
}
