package embedded

import "syscall"

// childAttr keeps the terminal's Ctrl-C from the child: the parent stops it.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
