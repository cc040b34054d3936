package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Header.Get("Authorization") != "Bearer k" {
			w.WriteHeader(401)
			return
		}
		fmt.Fprintf(w, `{"accepted":%d,"rejected":[]}`, bytes.Count(body, []byte("\n")))
	}))
	defer srv.Close()
	var out strings.Builder
	if err := run(context.Background(), []string{"--server", srv.URL, "--key", "k", "--rate", "5000", "--duration", "200ms", "--batch", "50", "--conns", "2"}, &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "accepted 1000 events") || !strings.Contains(out.String(), "failed 0") {
		t.Errorf("printed %s", out.String())
	}
	if err := run(context.Background(), []string{"--server", srv.URL, "--key", "x", "--duration", "50ms"}, &out); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("a wrong key: %v", err)
	}
}
