package cli

import "syscall"

// makePrivate makes what this process and its children create readable for their user only, whatever the directory that it lies in allows: the log, the
// engine and the stores choose modes of their own, which leave reading to the umask.
func makePrivate() { syscall.Umask(0o077) }
