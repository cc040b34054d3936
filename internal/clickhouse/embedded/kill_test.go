package embedded

// parentArg makes the test binary run as a parent with a child.
const parentArg = "run-as-parent"

func parentMain() {}
