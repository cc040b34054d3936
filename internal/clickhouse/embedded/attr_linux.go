package embedded

import "syscall"

// childAttr makes the child die with its parent, and keeps the terminal's Ctrl-C from it: the parent stops it.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
