package embedded

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"weir/internal/clickhouse"
	"weir/internal/clickhouse/embedded/libchdb"
)

// callerErrors are codes that say that the statement, its data or its limits
// are to blame, so that the same again would fail again. The others are the engine's own trouble.
var callerErrors = map[int]bool{
	1: true, 3: true, 4: true, 6: true, 7: true, 8: true, 9: true, 10: true, 12: true, 15: true, 16: true, 17: true, 19: true, 20: true,
	25: true, 26: true, 27: true, 28: true, 29: true, 30: true, 31: true, 32: true, 33: true, 34: true, 35: true, 36: true, 38: true,
	39: true, 40: true, 41: true, 42: true, 43: true, 44: true, 46: true, 47: true, 48: true, 50: true, 51: true, 52: true, 53: true,
	56: true, 57: true, 60: true, 62: true, 63: true, 64: true, 66: true, 67: true, 68: true, 69: true, 70: true, 72: true, 73: true, 80: true,
	81: true, 82: true, 83: true, 85: true, 103: true, 115: true, 116: true, 117: true, 130: true, 131: true, 141: true, 153: true, 158: true, 159: true,
	160: true, 161: true, 162: true, 163: true, 164: true, 167: true, 168: true, 169: true, 179: true, 181: true, 182: true, 184: true,
	190: true, 191: true, 207: true, 215: true, 241: true, 248: true, 306: true, 307: true, 321: true, 349: true, 352: true, 361: true, 366: true,
	377: true, 386: true, 392: true, 394: true, 395: true, 396: true, 403: true, 407: true, 427: true, 435: true, 441: true, 446: true, 452: true,
	456: true, 457: true, 467: true, 473: true, 475: true, 477: true, 493: true, 495: true, 497: true, 507: true, 511: true, 512: true,
	517: true, 531: true, 552: true, 559: true, 564: true, 572: true, 599: true, 605: true, 636: true, 691: true, 695: true, 704: true,
}

// notFound and forbidden have statuses of their own.
var otherStatus = map[int]int{
	clickhouse.CodeUnknownTable:    http.StatusNotFound,
	clickhouse.CodeUnknownDatabase: http.StatusNotFound,
	clickhouse.CodeAccessDenied:    http.StatusForbidden,
	clickhouse.CodeReadonly:        http.StatusForbidden,
	clickhouse.CodeTooManyQueries:  http.StatusServiceUnavailable,
	242:                            http.StatusServiceUnavailable, // TABLE_IS_READ_ONLY
	243:                            http.StatusServiceUnavailable, // NOT_ENOUGH_SPACE
}

// engineError gives any failure the engine's shape.
func engineError(err error) *clickhouse.Error {
	var e *clickhouse.Error
	var le *libchdb.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.As(err, &le):
		e = clickhouse.ParseError(le.Text, http.StatusInternalServerError)
		if outOfMemory(e) {
			e = &clickhouse.Error{Code: clickhouse.CodeMemoryLimitExceeded, Name: "MEMORY_LIMIT_EXCEEDED", Message: "(total) memory limit exceeded: the engine's process may have no more"}
		}
		if status := otherStatus[e.Code]; status != 0 {
			e.Status = status
		} else if callerErrors[e.Code] {
			e.Status = http.StatusBadRequest
		}
		return e
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &clickhouse.Error{Code: clickhouse.CodeQueryWasCancelled, Name: "QUERY_WAS_CANCELLED", Message: "the statement was cancelled",
			Status: http.StatusServiceUnavailable}
	}
	return &clickhouse.Error{Message: err.Error(), Status: http.StatusInternalServerError}
}

// outOfMemory says whether the system gave no more memory: most often to the text of an answer, which no limit of the engine's counts.
func outOfMemory(e *clickhouse.Error) bool {
	return e.Code == codeCannotAllocate || e.Code == codeStdException && strings.Contains(e.Message, "bad_alloc") ||
		e.Code == codeLogicalError && strings.Contains(e.Message, "canceled buffer") // the end of a JSON whose rows have failed so
}

// Codes that the engine's errors have when the system gives it no memory.
const (
	codeLogicalError   = 49
	codeCannotAllocate = 173
	codeStdException   = 1001
)

// errorText writes an error as the engine does.
func errorText(e *clickhouse.Error) string {
	if e.Code == 0 {
		return e.Message
	}
	name := ""
	if e.Name != "" {
		name = " (" + e.Name + ")"
	}
	return fmt.Sprintf("Code: %d. DB::Exception: %s.%s", e.Code, e.Message, name)
}
