package query

import "strconv"

// lowerable are the limits of the engine that a question may lower, never raise.
var lowerable = map[string]bool{
	"max_execution_time": true, "max_memory_usage": true, "max_result_rows": true, "max_result_bytes": true,
	"max_rows_to_read": true, "max_bytes_to_read": true, "max_rows_to_group_by": true, "max_columns_to_read": true, "max_threads": true,
}

// Lowerable says whether a setting is a limit that a question may lower.
func Lowerable(setting string) bool { return lowerable[setting] }

// lower says whether value is a limit, and one below the limit that stands. 0 means no limit.
func lower(value, stands string) bool {
	v, err := strconv.ParseFloat(value, 64)
	if err != nil || !(v > 0) {
		return false
	}
	s, err := strconv.ParseFloat(stands, 64)
	return err != nil || s == 0 || v < s
}
