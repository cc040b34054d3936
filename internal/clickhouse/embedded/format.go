package embedded

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// The library formats every piece of a streamed answer as a document of its
// own. shape says what follows for a format.
type shape uint8

const (
	whole  shape = iota // the pieces do not add up: the answer is made in one
	rows                // the pieces only hold rows: one after another they are the answer
	object              // JSON and the like: the rows of each piece are cut out of its object
	headed              // each piece begins with the same names (and types): they are cut from all but the first
)

// shapes lists the formats that can be streamed.
var shapes = map[string]shape{
	"TabSeparated": rows, "TSV": rows, "TabSeparatedRaw": rows, "TSVRaw": rows, "Raw": rows, "CSV": rows, "TSKV": rows,
	"JSONEachRow": rows, "JSONLines": rows, "NDJSON": rows, "JSONCompactEachRow": rows,
	"JSONStringsEachRow": rows, "JSONCompactStringsEachRow": rows,
	"RowBinary": rows, "Native": rows,
	"JSON": object, "JSONCompact": object, "JSONStrings": object, "JSONCompactStrings": object,

	"CSVWithNames": headed, "CSVWithNamesAndTypes": headed, "RowBinaryWithNames": headed, "RowBinaryWithNamesAndTypes": headed,
	"TabSeparatedWithNames": headed, "TabSeparatedWithNamesAndTypes": headed, "TSVWithNames": headed, "TSVWithNamesAndTypes": headed,
	"JSONCompactEachRowWithNames": headed, "JSONCompactEachRowWithNamesAndTypes": headed,
	"JSONCompactStringsEachRowWithNames": headed, "JSONCompactStringsEachRowWithNamesAndTypes": headed,
}

// headSize returns the length of the names (and types) that a piece of a headed format begins with, -1 if they are cut off.
func headSize(format string, piece []byte) int {
	heads := 1
	if strings.HasSuffix(format, "WithNamesAndTypes") {
		heads = 2
	}
	if strings.HasPrefix(format, "RowBinary") {
		return binaryHead(piece, heads)
	}
	size, inQuotes := 0, false
	csv := strings.HasPrefix(format, "CSV")
	for i, c := range piece {
		switch {
		case c == '"' && csv: // a doubled quote inside quotes turns twice
			inQuotes = !inQuotes
		case c == '\n' && !inQuotes:
			if size = i + 1; heads == 1 {
				return size
			}
			heads--
		}
	}
	return -1
}

// binaryHead is headSize of RowBinary: a count, and so many names, and perhaps as many types.
func binaryHead(piece []byte, heads int) int {
	n, at := binary.Uvarint(piece)
	if at <= 0 || n > uint64(len(piece)) {
		return -1
	}
	for range n * uint64(heads) {
		size, used := binary.Uvarint(piece[at:])
		if used <= 0 || size > uint64(len(piece)-at-used) {
			return -1
		}
		at += used + int(size)
	}
	return at
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
	case "XML":
		return "application/xml; charset=UTF-8"
	case "RowBinary", "Native", "RowBinaryWithNames", "RowBinaryWithNamesAndTypes", "Parquet", "Arrow", "ArrowStream":
		return "application/octet-stream"
	}
	return "text/tab-separated-values; charset=UTF-8"
}
