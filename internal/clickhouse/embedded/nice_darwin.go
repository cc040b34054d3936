package embedded

// usualPriority is not asked for: the library sets priorities of threads on Linux only.
func usualPriority() int { return 0 }

// unnice has nothing to do.
func unnice(bool) {}

// niceMerges has nothing to do.
func niceMerges(int) {}

// mayUnnice says that priorities stay what they are.
func mayUnnice() bool { return false }
