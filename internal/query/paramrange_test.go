package query

import (
	"strings"
	"testing"
)

// TestParameterRange: a whole number that its type cannot hold is refused, where the engine would take another number for it.
func TestParameterRange(t *testing.T) {
	const max256 = "115792089237316195423570985008687907853269984665640564039457584007913129639935"
	for _, c := range []struct{ typ, value, says string }{
		{"UInt8", "255", ""}, {"UInt8", "256", "the parameter x is 256, which as UInt8 does not fit: it holds 0 to 255"}, {"UInt8", "-1", "0 to 255"}, {"UInt8", "0", ""}, {"UInt8", "+7", ""},
		{"Int8", "-128", ""}, {"Int8", "-129", "-128 to 127"}, {"Int8", "128", "-128 to 127"}, {"UInt16", "65536", "0 to 65535"}, {"Int16", "32767", ""},
		{"UInt32", "4294967296", "0 to 4294967295"}, {"Int32", "2147483648", "to 2147483647"}, {"UInt64", "18446744073709551615", ""}, {"UInt64", "18446744073709551616", "to 18446744073709551615"},
		{"Int64", "9223372036854775808", "to 9223372036854775807"}, {"Int64", "-9223372036854775808", ""}, {"UInt128", "340282366920938463463374607431768211456", "0 to 3402"},
		{"Int128", "170141183460469231731687303715884105728", "to 1701"}, {"UInt256", max256, ""}, {"UInt256", max256 + "0", "0 to " + max256}, {"Int256", max256, "does not fit"},
		{"UInt256", strings.Repeat("9", 5000), "999…, which"}, {" Nullable( UInt8 ) ", "260", "does not fit"}, {"Nullable(UInt8)", `\N`, ""}, {"LowCardinality(Nullable(Int8))", "200", "does not fit"},
		{"TinyInt", "128", "-128 to 127"}, {"INT", "2147483648", "does not fit"}, {"BIGINT", "2147483648", ""},
		{"UInt8", "1.5", "is no whole number"}, {"UInt8", "", "is no whole number"}, {"UInt8", "1e2", "is no whole number"}, {"UInt8", `\N`, "is no whole number"}, {"Int64", "a", "is no whole number"},
		{"Array(UInt8)", "[1, 2,255]", ""}, {"Array(UInt8)", "[1, 2,256]", "is 256, which"}, {"Array(Array(Nullable(Int8)))", "[[NULL,1],[-129]]", "is -129, which"}, {"Array(UInt8)", "[]", ""},
		{"String", "260", ""}, {"Float64", "1e300", ""}, {"Decimal(3, 1)", "1000", ""}, {"Array(String)", "['300']", ""}, {"Map(String, UInt8)", "{'a':1}", ""},
	} {
		for _, sql := range []string{"SELECT count() FROM events WHERE length(url) = length({x:" + c.typ + "}::String)", "EXPLAIN SELECT {x:" + c.typ + "}", "SELECT type FROM events /* { */ LIMIT 1 BY { x : " + c.typ + "}"} {
			sc := typedScope
			sc.Params = map[string]string{"x": c.value}
			_, err := NewGuard().Check(sql, sc)
			r, _ := err.(*Refusal)
			if bad := r != nil && r.Code == CodeBadParameter; bad != (c.says != "") || bad && (!strings.Contains(r.Error(), c.says) || r.Field != "params.x") {
				t.Errorf("%.150s with %.60s: %.300v, want %q", sql, c.value, err, c.says)
			}
		}
	}
	sc := typedScope
	sc.Params = map[string]string{"y": "260"} // no parameter of this statement
	if _, err := NewGuard().Check("SELECT {x:UInt8}", sc); err != nil {
		t.Error(err)
	}
	p := problemIn(t, post(newHandler(t, Config{}, &fakeEngine{body: engineJSON}), analyst, `{"sql":"SELECT {x:UInt8}","params":{"x":260}}`))
	if p.Status != 422 || p.Code != CodeBadParameter || p.Field != "params.x" {
		t.Errorf("%+v", p)
	}
}
