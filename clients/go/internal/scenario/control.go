package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
)

// advance moves the clock of the service forward.
func (r *runner) advance(ctx context.Context, seconds int) error {
	_, _, err := r.ask(ctx, http.MethodPost, fmt.Sprintf("/advance?seconds=%d", seconds), http.StatusNoContent)
	return err
}

// loseResponse loses the next response to a request with an Idempotency-Key.
func (r *runner) loseResponse(ctx context.Context) error {
	_, _, err := r.ask(ctx, http.MethodPost, "/lose", http.StatusNoContent)
	return err
}

// message returns the headers and the body of the next webhook message, as its receiver gets them.
func (r *runner) message(ctx context.Context) (http.Header, []byte, error) {
	return r.ask(ctx, http.MethodGet, "/message", http.StatusOK)
}

func (r *runner) ask(ctx context.Context, method, path string, status int) (http.Header, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, r.control+path, nil)
	if err != nil {
		return nil, nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != status {
		return nil, nil, fmt.Errorf("%s: %s", path, response.Status)
	}
	body, err := io.ReadAll(response.Body)
	return response.Header, body, err
}
