package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// confirm tells a person at a terminal what is about to happen, and returns an error unless they repeat id. Who is not at a terminal is a script, and not asked.
func confirm(p *Process, id, what string) error {
	if f, ok := p.In.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return repeated(p.In, p.Err, id, what)
}

// repeated asks for id on out and reads a line of in.
func repeated(in io.Reader, out io.Writer, id, what string) error {
	if _, err := fmt.Fprintf(out, "%s\nRepeat its id to go on: ", what); err != nil {
		return err
	}
	line, err := bufio.NewReader(io.LimitReader(in, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the answer: %w", err)
	}
	if got := strings.TrimSpace(line); got != id {
		return fmt.Errorf("nothing was deleted: the answer is %.64q and not %q; --yes does not ask", got, id)
	}
	return nil
}
