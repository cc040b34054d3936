package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

// strictJSON reads JSON that says one thing only: valid UTF-8, one value, no key twice in an object.
var strictJSON = huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: unmarshalStrict}

func unmarshalStrict(data []byte, v any) error {
	if !utf8.Valid(data) {
		return errors.New("it is not valid UTF-8")
	}
	if err := checkKeys(data); err != nil {
		return err
	}
	if _, ok := v.(Change); ok {
		var whole any
		if json.Unmarshal(data, &whole) == nil {
			if field := nullField(whole); field != "" {
				return errors.New(field + isNull)
			}
		}
	}
	return json.Unmarshal(data, v)
}

// Change is a body of which only what it names is changed. null, which would name a field and say nothing, is refused there.
type Change interface{ NamesChanges() }

// isNull stands behind the name of a field that is null; explain looks for it.
const isNull = " is null, which is no value: leave it out to keep what there is"

// nullField is the first field that is null, in the order of names; "" if there is none.
func nullField(v any) string {
	object, _ := v.(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(object)) {
		switch below := nullField(object[name]); {
		case object[name] == nil:
			return name
		case below != "":
			return name + "." + below
		}
	}
	return ""
}

// maxDepth bounds the nesting of a body; nothing in the API nests deeper than a few levels.
const maxDepth = 64

// checkKeys walks the tokens and reports a key that an object has twice.
func checkKeys(data []byte) error {
	type frame struct {
		keys  map[string]bool // nil in an array
		isKey bool
	}
	var stack []*frame
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil // whether the value is whole is for Unmarshal to say
		}
		if err != nil {
			return err
		}
		var top *frame
		if len(stack) > 0 {
			top = stack[len(stack)-1]
		}
		if key, ok := tok.(string); ok && top != nil && top.keys != nil && top.isKey {
			if top.keys[key] {
				return fmt.Errorf("it has the key %q twice", key)
			}
			top.keys[key] = true
			top.isKey = false
			continue
		}
		switch tok {
		case json.Delim('}'), json.Delim(']'):
			stack = stack[:len(stack)-1]
			if len(stack) > 0 {
				top = stack[len(stack)-1]
				top.isKey = top.keys != nil
			}
			continue
		case json.Delim('{'):
			stack = append(stack, &frame{keys: map[string]bool{}, isKey: true})
		case json.Delim('['):
			stack = append(stack, &frame{})
		default:
			if top != nil {
				top.isKey = top.keys != nil
			}
		}
		if len(stack) > maxDepth {
			return fmt.Errorf("it nests deeper than %d levels", maxDepth)
		}
	}
}
