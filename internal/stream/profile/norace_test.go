//go:build !race

package profile

const racing = false
