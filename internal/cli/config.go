package cli

import (
	"fmt"
	"io"
)

// ConfigCmd is `weir config`.
type ConfigCmd struct {
	File    string      `name:"config" help:"YAML file with the same options. [WEIR_CONFIG]" placeholder:"path"`
	Options optionFlags `embed:""`
}

// Run prints the configuration that serve would use with the same flags, environment and file.
func (c *ConfigCmd) Run(p *Process) error {
	loaded, err := c.Options.load(p, c.File)
	if err != nil {
		return fmt.Errorf("the configuration is not right:\n%w", err)
	}
	for _, w := range loaded.Warnings {
		fmt.Fprintln(p.Err, "weir: warning:", w)
	}
	_, err = io.WriteString(p.Out, loaded.YAML())
	return err
}
