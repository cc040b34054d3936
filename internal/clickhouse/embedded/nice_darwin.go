package embedded

// niceValue leaves the value as it is: the library sets priorities of threads on Linux only.
func niceValue(above string) string { return above }

// yield has nothing to do.
func yield(int) {}

// unnice has nothing to do.
func unnice(bool) {}
