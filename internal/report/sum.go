package report

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// sumDigits is how many significant digits a sum of fractions is told with. Each addition of 64-bit floats errs by up to 2⁻⁵³ of the sum, in another way for another order
// of the events, so that the last two of the 17 digits that tell a float from its neighbours say nothing of money: 8606 would be 8605.999999999996.
const sumDigits = 14

// tidy is a sum as it is told. What is no fraction stays as it is.
func tidy(f float64) float64 {
	if f == math.Trunc(f) || math.IsInf(f, 0) || math.IsNaN(f) {
		return f
	}
	t, err := strconv.ParseFloat(strconv.FormatFloat(f, 'g', sumDigits, 64), 64)
	if err != nil { // rounded up over the largest number
		return f
	}
	return t
}

// told is the value of a column of an answer as it is told: the engine's sums without the digits that say nothing.
func told(name string, v any) any {
	n, ok := v.(json.Number)
	if !ok || name != Value && name != Revenue || !strings.ContainsAny(string(n), ".e") {
		return v
	}
	f, err := n.Float64()
	if err != nil {
		return v
	}
	return tidy(f)
}
