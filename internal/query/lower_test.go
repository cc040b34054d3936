package query

import "testing"

func TestLowerLimits(t *testing.T) {
	a := &asking{checked: &Checked{}, Service: &Service{settings: map[string]string{"max_execution_time": "15", "max_memory_usage": "1000", "max_result_rows": "10", "result_overflow_mode": "throw"}}}
	a.q = &Question{Settings: map[string]string{"max_execution_time": "0.5", "max_memory_usage": "1001", "max_result_rows": "0", "max_rows_to_read": "7",
		"session_timezone": "UTC", "result_overflow_mode": "break"}}
	got := a.engineSettings(nil)
	for name, want := range map[string]string{"max_execution_time": "0.5", "max_memory_usage": "1000", "max_result_rows": "10", "max_rows_to_read": "7",
		"session_timezone": "UTC", "result_overflow_mode": "break"} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	for _, bad := range []string{"-1", "x", "", "nan", "1e400"} {
		if lower(bad, "15") {
			t.Errorf("%q is lower than 15", bad)
		}
	}
	if a.settings["max_execution_time"] != "15" {
		t.Error("the service's own settings changed")
	}
}

func TestLimitValue(t *testing.T) {
	for _, c := range []struct{ setting, value, want string }{
		{"max_result_rows", "0", "0"}, {"max_result_rows", "17", "17"}, {"max_memory_usage", "10M", "10000000"}, {"max_memory_usage", "2Gi", "2147483648"},
		{"max_bytes_to_read", "3k", "3000"}, {"max_bytes_to_read", "30E", "18446744073709551615"}, {"max_execution_time", "0.5", "0.5"}, {"max_threads", "auto", "0"},
		{"max_result_rows", "abc", ""}, {"max_result_rows", "2x", ""}, {"max_result_rows", "-2", ""}, {"max_result_rows", "", ""}, {"max_result_rows", "i", ""}, {"max_result_rows", "1i", ""},
		{"max_result_rows", "1KM", ""}, {"max_result_rows", "0.5", ""}, {"max_result_rows", "auto", ""}, {"max_result_rows", "99999999999999999999", ""}, {"max_result_rows", "M", ""},
		{"max_execution_time", "1s", ""}, {"max_execution_time", "-1", ""}, {"max_execution_time", "nan", ""}, {"max_execution_time", "inf", ""}, {"max_execution_time", "", ""},
	} {
		got, ok := LimitValue(c.setting, c.value)
		if ok != (c.want != "") || ok && got != c.want {
			t.Errorf("%s=%q is %q, %v; want %q", c.setting, c.value, got, ok, c.want)
		}
	}
}
