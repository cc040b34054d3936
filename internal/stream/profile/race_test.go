//go:build race

package profile

// racing says that the race detector runs: memory is several times as large then.
const racing = true
