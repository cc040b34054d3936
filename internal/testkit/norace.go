//go:build !race

package testkit

// Race says whether the race detector is at work.
const Race = false
