package cli

import (
	"fmt"
	"reflect"

	"github.com/alecthomas/kong"

	"weir/internal/config"
)

// optionFlags are the flags of the server's options. They are made from the table of package config, so that
// an option is written down once: kong reads a struct that is built here, with one *string for each option.
type optionFlags struct {
	Plugins kong.Plugins `embed:""`
	opts    []config.Option
}

func newOptionFlags() optionFlags {
	opts := config.Options()
	fields := make([]reflect.StructField, len(opts))
	for i, o := range opts {
		help := o.Help
		if o.Default != "" {
			help += " Default: " + o.Default + "."
		}
		fields[i] = reflect.StructField{
			Name: fmt.Sprintf("Option%d", i), Type: reflect.TypeFor[*string](),
			Tag: reflect.StructTag(fmt.Sprintf("name:%q placeholder:%q help:%q", o.Flag, o.Kind, help+" ["+o.Env+"]")),
		}
	}
	return optionFlags{Plugins: kong.Plugins{reflect.New(reflect.StructOf(fields)).Interface()}, opts: opts}
}

// given returns the flags that are on the command line.
func (f optionFlags) given() map[string]string {
	out := map[string]string{}
	v := reflect.ValueOf(f.Plugins[0]).Elem()
	for i, o := range f.opts {
		if text, ok := v.Field(i).Interface().(*string); ok && text != nil {
			out[o.Flag] = *text
		}
	}
	return out
}

// load reads the configuration from flags, environment and file.
func (f optionFlags) load(p *Process, file string) (*config.Loaded, error) {
	return config.Load(config.Input{Flags: f.given(), Environ: p.Environ, File: file})
}
