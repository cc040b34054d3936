package weir

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// errSharing is ERROR_SHARING_VIOLATION: somebody has the file open.
const errSharing = syscall.Errno(32)

// lockFile opens a file that nobody else can open until it is closed, or the process ends in whatever way.
func lockFile(name string) (*os.File, error) {
	path, err := syscall.UTF16PtrFromString(name)
	if err != nil {
		return nil, fmt.Errorf("weir: spool: %w", err)
	}
	h, err := syscall.CreateFile(path, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, errSharing) {
		return nil, fmt.Errorf("%w (%s)", ErrSpoolInUse, name)
	} else if err != nil {
		return nil, fmt.Errorf("weir: spool: lock %s: %w", name, err)
	}
	return os.NewFile(uintptr(h), name), nil
}
