package embedded

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestPlainName(t *testing.T) {
	for name, want := range map[string]bool{"a": true, "_": true, "max_threads": true, "Ab_1": true, strings.Repeat("x", 128): true,
		"": false, "1a": false, "a-b": false, "a.b": false, "a b": false, "é": false, "a\n": false, "a@": false, "a[": false, "a`": false, strings.Repeat("x", 129): false} {
		if plainName(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}

// TestNames: settings have small letters and begin with one; parameters may have any.
func TestNames(t *testing.T) {
	for query, want := range map[string]bool{"max_threads=1": true, "param__X1=1": true, "Max_threads=1": false, "_x=1": false, "a%20b=1": false, "param_=1": false, "param_1=1": false} {
		_, err := parseRequest(httptest.NewRequest("POST", "/?"+query, strings.NewReader("SELECT 1")))
		if (err == nil) != want {
			t.Errorf("%s: %v", query, err)
		}
	}
}

func TestInlineData(t *testing.T) {
	for sql, want := range map[string]bool{"INSERT INTO t FORMAT CSV\n1": true, "/* x */ insert into t (a) format CSV 1": true, "INSERT INTO t VALUES (1)": false, "INSERT INTO t SELECT 1": false,
		"SELECT 'insert into t format CSV 1'": false, "SELECT 1 FORMAT CSV": false, "": false, "INSER": false} {
		if inlineData(sql) != want {
			t.Errorf("%q: %v", sql, !want)
		}
	}
}
