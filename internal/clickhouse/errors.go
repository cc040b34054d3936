package clickhouse

import (
	"strconv"
	"strings"
)

// Codes of the engine's errors that weir names.
const (
	CodeUnknownIdentifier    = 47
	CodeUnknownTable         = 60
	CodeSyntaxError          = 62
	CodeUnknownDatabase      = 81
	CodeUnknownSetting       = 115
	CodeTooManyRows          = 158
	CodeTimeoutExceeded      = 159
	CodeReadonly             = 164
	CodeQuotaExceeded        = 201
	CodeTooManyQueries       = 202
	CodeMemoryLimitExceeded  = 241
	CodeTooManyParts         = 252
	CodeTooManyRowsOrBytes   = 396
	CodeQueryWasCancelled    = 394
	CodeTooManyBytes         = 307
	CodeAccessDenied         = 497
	CodeUnsupportedMethod    = 1
	CodeNotImplemented       = 48
	CodeBadArguments         = 36
	CodeQueryIsProhibited    = 392
	CodeUnexpectedEndOfFile  = 3
	CodeCannotReadAllData    = 33
	CodeAuthenticationFailed = 516
)

// EngineMemory says whether the memory of the engine as a whole was used up, and not what this statement may take: another one may have it.
func (e *Error) EngineMemory() bool {
	return e.Code == CodeMemoryLimitExceeded && strings.Contains(e.Message, "(total)")
}

// ParseError reads an error of the engine from its text:
//
//	Code: 60. DB::Exception: Unknown table … (UNKNOWN_TABLE) (version 26.7.2.1)
//
// Text of another shape becomes the message as it stands, with code 0.
func ParseError(text string, status int) *Error {
	e := &Error{Status: status}
	msg := strings.TrimSpace(text)
	for { // "Code: 164. DB::Exception: Code: 164. DB::Exception: …" is said by some paths
		code, rest, ok := cutCode(msg)
		if !ok {
			break
		}
		if e.Code == 0 {
			e.Code = code
		}
		msg = rest
	}
	if e.Code != 0 {
		msg = cutTail(msg, e)
	}
	e.Message = strings.TrimSuffix(strings.TrimSpace(msg), ".")
	return e
}

// cutCode cuts "Code: 60. DB::Exception: " from the front.
func cutCode(s string) (code int, rest string, ok bool) {
	after, ok := strings.CutPrefix(s, "Code: ")
	if !ok {
		return 0, s, false
	}
	num, after, ok := strings.Cut(after, ".")
	if !ok {
		return 0, s, false
	}
	code, err := strconv.Atoi(num)
	if err != nil || code <= 0 {
		return 0, s, false
	}
	after = strings.TrimPrefix(after, " ")
	after = strings.TrimPrefix(after, "DB::Exception: ")
	return code, after, true
}

// cutTail cuts "(UNKNOWN_TABLE)" and "(version … (official build))" from the end, in any number, and keeps the name.
func cutTail(s string, e *Error) string {
	for {
		t := strings.TrimRight(s, " \r\n.")
		open := opening(t)
		if open < 0 {
			return s
		}
		in := t[open+2 : len(t)-1]
		switch {
		case isName(in):
			e.Name = in
		case !strings.HasPrefix(in, "version "):
			return s
		}
		s = t[:open]
	}
}

// opening returns the offset of the " (" that the final ")" of s closes, -1 if there is none.
func opening(s string) int {
	if !strings.HasSuffix(s, ")") {
		return -1
	}
	depth := 0
	for i := len(s) - 1; i > 0; i-- {
		switch s[i] {
		case ')':
			depth++
		case '(':
			if depth--; depth == 0 {
				if s[i-1] == ' ' {
					return i - 1
				}
				return -1
			}
		}
	}
	return -1
}

// isName tells whether s looks like UNKNOWN_TABLE.
func isName(s string) bool {
	if len(s) < 3 || s[0] < 'A' || s[0] > 'Z' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}
