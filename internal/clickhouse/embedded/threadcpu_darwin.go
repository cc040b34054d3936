package embedded

import "time"

// threadCPU is not known on this platform.
func threadCPU() time.Duration { return 0 }
