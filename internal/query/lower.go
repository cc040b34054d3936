package query

import (
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// lowerable are the limits of the engine that a question may lower, never raise.
var lowerable = map[string]bool{
	"max_execution_time": true, "max_memory_usage": true, "max_result_rows": true, "max_result_bytes": true,
	"max_rows_to_read": true, "max_bytes_to_read": true, "max_rows_to_group_by": true, "max_columns_to_read": true, "max_threads": true,
}

// Lowerable says whether a setting is a limit that a question may lower.
func Lowerable(setting string) bool { return lowerable[setting] }

// LimitValue reads the value of a limit as the engine does: a whole number, perhaps with K, M, G, T, P or E behind it (thousands, or with an i, as in Mi, of 1 024), of
// max_execution_time seconds, and auto of max_threads. It returns the number as it is passed on.
func LimitValue(setting, value string) (number string, ok bool) {
	switch {
	case setting == "max_execution_time":
		v, err := strconv.ParseFloat(value, 64)
		if err != nil || !(v >= 0) || math.IsInf(v, 0) {
			return "", false
		}
		if v > 0 {
			v = max(v, 0.001) // less would be no limit at all
		}
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case setting == "max_threads" && value == "auto":
		return "0", true
	}
	digits := strings.TrimRight(value, "KMGTPEkmgtpei")
	factor, ok := factorOf(strings.ToUpper(value[len(digits):]))
	n, err := strconv.ParseUint(digits, 10, 64)
	if !ok || err != nil {
		return "", false
	}
	if high, low := bits.Mul64(n, factor); high == 0 {
		return strconv.FormatUint(low, 10), true
	}
	return strconv.FormatUint(math.MaxUint64, 10), true
}

// factorOf is what a letter of the SI, with an I of binary multiples or without, stands for.
func factorOf(suffix string) (uint64, bool) {
	base := uint64(1000)
	if s, binary := strings.CutSuffix(suffix, "I"); binary {
		suffix, base = s, 1024
	}
	power := 0
	if suffix != "" || base == 1024 {
		if power = strings.Index("KMGTPE", suffix) + 1; len(suffix) != 1 || power == 0 {
			return 0, false
		}
	}
	factor := uint64(1)
	for range power {
		factor *= base
	}
	return factor, true
}

// lower says whether value is a limit, and one below the limit that stands. 0 means no limit.
func lower(value, stands string) bool {
	v, err := strconv.ParseFloat(value, 64)
	if err != nil || !(v > 0) {
		return false
	}
	s, err := strconv.ParseFloat(stands, 64)
	return err != nil || s == 0 || v < s
}
