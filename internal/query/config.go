package query

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Config bounds a query. Zero values stand for the defaults.
type Config struct {
	MaxTime       time.Duration // run time of a query; 15 s
	MaxMemory     int64         // bytes that the engine may use for a query; 2 GiB
	MaxResultRows int64         // rows of an answer; 10 million
	MaxResult     int64         // bytes of an answer; 1 GiB
	MaxRead       int64         // rows that a query may read; 0: no limit
	MaxThreads    int           // threads of the engine for a query; 0: the engine decides
	TokenWait     time.Duration // how long a query waits for its min_token; 5 s
	JobTime       time.Duration // run time of a job; 15 min, or MaxTime if that is longer
}

func (c Config) withDefaults() Config {
	def := func(v *int64, d int64) {
		if *v == 0 {
			*v = d
		}
	}
	if c.MaxTime == 0 {
		c.MaxTime = 15 * time.Second
	}
	if c.JobTime == 0 {
		c.JobTime = max(15*time.Minute, c.MaxTime)
	}
	if c.TokenWait == 0 {
		c.TokenWait = 5 * time.Second
	}
	def(&c.MaxMemory, 2<<30)
	def(&c.MaxResultRows, 10_000_000)
	def(&c.MaxResult, 1<<30)
	return c
}

// Validate reports everything that is wrong with c.
func (c Config) Validate() error {
	var errs []error
	if c.MaxTime < 0 || c.MaxTime > 0 && c.MaxTime < time.Millisecond {
		errs = append(errs, fmt.Errorf("query.timeout is %v, it must be at least 1ms", c.MaxTime))
	}
	if c.JobTime < 0 || c.JobTime > 0 && c.JobTime < time.Millisecond {
		errs = append(errs, fmt.Errorf("query.job_timeout is %v, it must be at least 1ms", c.JobTime))
	}
	if c.TokenWait < 0 || c.TokenWait > time.Minute {
		errs = append(errs, fmt.Errorf("query.token_wait is %v, it must be between 0 and 1m", c.TokenWait))
	}
	for _, v := range []struct {
		name  string
		value int64
	}{{"max_memory", c.MaxMemory}, {"max_result_rows", c.MaxResultRows}, {"max_result", c.MaxResult}, {"max_read", c.MaxRead}, {"max_threads", int64(c.MaxThreads)}} {
		if v.value < 0 {
			errs = append(errs, fmt.Errorf("query.%s is %d, it must not be negative", v.name, v.value))
		}
	}
	return errors.Join(errs...)
}

// settings are the engine's settings for tenant text. They are the same for every query, so that the engine can
// use a connection again. 64-bit integers are written as JSON numbers: a reader that
// holds numbers as doubles loses digits above 2^53, and may select toString(x) instead.
func (c Config) settings() map[string]string {
	s := map[string]string{
		"max_execution_time":                         strconv.FormatFloat(c.MaxTime.Seconds(), 'f', -1, 64),
		"timeout_overflow_mode":                      "throw",
		"max_memory_usage":                           strconv.FormatInt(c.MaxMemory, 10),
		"max_result_rows":                            strconv.FormatInt(c.MaxResultRows, 10),
		"max_result_bytes":                           strconv.FormatInt(c.MaxResult, 10),
		"result_overflow_mode":                       "throw",
		"enable_global_with_statement":               "1",
		"output_format_json_quote_64bit_integers":    "0",
		"output_format_json_quote_denormals":         "0",
		"max_query_size":                             "4194304", // 2 000 properties in front of a statement of 64 KB
		"max_ast_elements":                           "200000",
		"max_expanded_ast_elements":                  "500000",
		"max_subquery_depth":                         "100",
		"output_format_parquet_string_as_string":     "1",
		"output_format_arrow_string_as_string":       "1",
		"output_format_json_named_tuples_as_objects": "1",
	}
	if c.MaxRead > 0 {
		s["max_rows_to_read"] = strconv.FormatInt(c.MaxRead, 10)
		s["read_overflow_mode"] = "throw"
	}
	if c.MaxThreads > 0 {
		s["max_threads"] = strconv.Itoa(c.MaxThreads)
	}
	return s
}
