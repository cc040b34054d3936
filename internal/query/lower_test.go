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
