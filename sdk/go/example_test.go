package weir_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	weir "weir/sdk/go"
)

// endpoint stands for a weir server in the examples, which gives one answer.
func endpoint(answer string) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, answer)
	}))
}

func Example() {
	server := endpoint(`{"accepted":2,"rejected":[]}`)
	defer server.Close()

	client, err := weir.New(weir.Options{Endpoint: server.URL, WriteKey: "write-key-of-the-source"})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	if err := client.Page(ctx, weir.Event{ClientID: "visitor-1", URL: "https://shop.example/pricing", Referrer: "https://news.example/"}); err != nil {
		log.Print(err) // the queue is full, or the event cannot be encoded
	}
	if err := client.Track(ctx, weir.Event{Type: "purchase", ClientID: "visitor-1", Props: map[string]any{"revenue": 49.9, "currency": "EUR"}}); err != nil {
		log.Print(err)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := client.Close(ctx); err != nil {
		log.Print(err) // says how many events are left
	}
	fmt.Println(client.Stats().Sent, "sent")
	// Output: 2 sent
}

// What the server will never take is told with the reason.
func ExampleOptions_onRejected() {
	server := endpoint(`{"accepted":0,"rejected":[{"index":0,"code":"ts_out_of_range","field":"ts","message":"more than 24 hours ahead"}]}`)
	defer server.Close()

	client, err := weir.New(weir.Options{
		Endpoint: server.URL, WriteKey: "key",
		OnRejected: func(e weir.Event, why weir.Rejection) {
			fmt.Printf("%s: %s (%s): %s\n", e.Type, why.Code, why.Field, why.Message)
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	if err := client.Track(ctx, weir.Event{Type: "signup", Time: time.Now().AddDate(1, 0, 0)}); err != nil {
		log.Print(err)
	}
	if err := client.Close(ctx); err != nil {
		log.Print(err)
	}
	// Output: signup: ts_out_of_range (ts): more than 24 hours ahead
}
