package embedded

// unnice has nothing to do: the library sets priorities of threads on Linux only.
func unnice() int { return 0 }
