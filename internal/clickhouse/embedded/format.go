package embedded

import "bytes"

// The library formats every piece of a streamed answer as a document of its
// own. shape says what follows for a format.
type shape uint8

const (
	whole  shape = iota // the pieces do not add up: the answer is made in one
	rows                // the pieces only hold rows: one after another they are the answer
	object              // JSON and the like: the rows of each piece are cut out of its object
)

// shapes lists the formats that can be streamed.
var shapes = map[string]shape{
	"TabSeparated": rows, "TSV": rows, "TabSeparatedRaw": rows, "TSVRaw": rows, "Raw": rows, "CSV": rows, "TSKV": rows,
	"JSONEachRow": rows, "JSONLines": rows, "NDJSON": rows, "JSONCompactEachRow": rows,
	"JSONStringsEachRow": rows, "JSONCompactStringsEachRow": rows,
	"RowBinary": rows, "Native": rows,
	"JSON": object, "JSONCompact": object, "JSONStrings": object, "JSONCompactStrings": object,
}

// The texts that stand around the rows of a format of shape object. Row data
// cannot hold them: a line break inside a value is escaped, and values are indented deeper.
var (
	objectHead = []byte("\n\t\"data\":\n\t[\n")
	objectTail = []byte("\n\t],\n\n\t\"rows\": ")
)

// cutObject splits a document into what comes before its rows, the rows and what follows.
func cutObject(doc []byte) (head, data, tail []byte, ok bool) {
	h := bytes.Index(doc, objectHead)
	if h < 0 {
		return nil, nil, nil, false
	}
	h += len(objectHead)
	t := bytes.LastIndex(doc, objectTail)
	if t < h {
		return nil, nil, nil, false
	}
	return doc[:h], doc[h:t], doc[t:], true
}

// contentType returns the media type of an answer.
func contentType(format string) string {
	switch format {
	case "JSON", "JSONCompact", "JSONStrings", "JSONCompactStrings":
		return "application/json; charset=UTF-8"
	case "JSONEachRow", "JSONLines", "NDJSON", "JSONCompactEachRow", "JSONStringsEachRow", "JSONCompactStringsEachRow":
		return "application/x-ndjson; charset=UTF-8"
	case "CSV", "CSVWithNames", "CSVWithNamesAndTypes":
		return "text/csv; charset=UTF-8"
	case "RowBinary", "Native", "RowBinaryWithNames", "RowBinaryWithNamesAndTypes", "Parquet", "Arrow", "ArrowStream":
		return "application/octet-stream"
	}
	return "text/tab-separated-values; charset=UTF-8"
}
