package embedded

import "time"

// threadCPU is not known on this platform.
func threadCPU() time.Duration { return 0 }

func processCPU() time.Duration { return processUsage().CPU }

func threadCPUOf(int) time.Duration { return 0 }
