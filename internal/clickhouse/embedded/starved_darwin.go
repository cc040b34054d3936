package embedded

import "time"

// coreTime is not known on this platform.
type coreTime struct{}

func coreTimeOf(int) coreTime { return coreTime{} }

func (coreTime) starved(int, time.Duration) bool { return false }
