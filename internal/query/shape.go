package query

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/sqlc-dev/doubleclick/token"
)

// maxShapeText bounds Checked.ShapeText, in bytes.
const maxShapeText = 2048

// shape returns the statement without its literals, and the hash of that: 16 hex digits. Keywords are in upper case, blanks and
// comments do not count, and lists of literals of any length are one.
func shape(toks []lexeme) (hash, text string) {
	out := make([]string, 0, len(toks))
	for _, l := range toks {
		t := l.text
		switch l.kind {
		case number, str, param:
			t = "?"
		case quoted:
			if !isPlainName(t) {
				t = "`" + t + "`"
			}
		case word:
			upper := strings.ToUpper(t)
			if _, special := token.Keywords[upper]; special || keywords[upper] {
				t = upper
			}
		}
		if n := len(out); t == "?" && n >= 2 && out[n-1] == "," && out[n-2] == "?" {
			out = out[:n-1]
			continue
		}
		out = append(out, t)
	}
	text = strings.Join(out, " ")
	sum := sha256.Sum256([]byte(text))
	if len(text) > maxShapeText {
		text = strings.ToValidUTF8(text[:maxShapeText], "")
	}
	return hex.EncodeToString(sum[:8]), text
}

// volatile are the functions whose answer depends on the clock, on chance or on how the engine cuts its work.
var volatile = lowerSet(`now now64 nowInBlock nowInBlock64 today yesterday curdate current_date current_timestamp localtimestamp UTCTimestamp UTC_timestamp
rand rand32 rand64 randConstant canonicalRand randUniform randNormal randLogNormal randExponential randChiSquared randStudentT randFisherF
randBernoulli randBinomial randNegativeBinomial randPoisson randomString randomFixedString randomPrintableASCII randomStringUTF8 fuzzBits
generateUUIDv4 generateUUIDv7 generateULID generateSnowflakeID blockNumber rowNumberInBlock rowNumberInAllBlocks runningDifference
runningAccumulate runningDifferenceStartingWithFirstValue neighbor blockSize arrayRandomSample arrayShuffle arrayPartialShuffle randCanonical localtime queryID query_id initialQueryID initial_query_id`)

// guesses are the functions that take what a date lacks from today's: parseDateTimeBestEffort('12 Aug').
func guesses(name string) bool {
	return strings.HasPrefix(name, "parsedatetime") && strings.Contains(name, "besteffort")
}

// isVolatile says whether a statement calls one of them, or may do so without brackets.
func isVolatile(toks []lexeme) bool {
	for i, l := range toks {
		if l.kind != word {
			continue
		}
		if bare[strings.ToUpper(l.text)] != "" {
			return true
		}
		name := strings.ToLower(l.text)
		if _, ok := volatile[name]; (ok || guesses(name)) && (i+1 < len(toks) && toks[i+1].is("(") || i > 0 && (toks[i-1].keyword("APPLY") || toks[i-1].is("("))) {
			return true
		}
	}
	return false
}
