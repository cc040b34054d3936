package report

import (
	"encoding/json"
	"math"
	"testing"
)

func TestSumsAreTidy(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
	}{
		{Value, "8605.999999999996", "8606"},
		{Revenue, "0.30000000000000004", "0.3"},
		{Revenue, "-0.1", "-0.1"},
		{Revenue, "19.99", "19.99"},
		{Value, "1234567890.12", "1234567890.12"},
		{Value, "9007199254740993", "9007199254740993"}, // no fraction
		{Value, "1.7976931348623157e308", "1.7976931348623157e+308"},
		{Value, "5e-324", "5e-324"},
		{ConversionRate, "0.30000000000000004", "0.30000000000000004"}, // no sum
	} {
		b, err := json.Marshal(Row{[]string{c.name}, []any{json.Number(c.in)}})
		if want := `{"` + c.name + `":` + c.want + `}`; err != nil || string(b) != want {
			t.Errorf("%s %s: %s, %v, want %s", c.name, c.in, b, err, want)
		}
	}
	if got := amount(json.Number("301.20000000000005")); got == nil || *got != 301.2 {
		t.Errorf("an amount: %v", got)
	}
	if got := amount(json.Number("1e999")); got != nil {
		t.Errorf("an amount beyond what a number can be: %v", *got)
	}
	if !math.IsNaN(tidy(math.NaN())) {
		t.Error("NaN")
	}
}
