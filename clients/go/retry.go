package groundwork

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"strconv"
	"time"
)

const (
	maxRetries = 3
	// maxWait is the longest wait before a retry. If the service asks for more, the call fails at
	// once.
	maxWait = 60 * time.Second
	// firstWait is the first wait after a response without Retry-After. It doubles with each retry.
	firstWait = time.Second
)

const idempotencyKey = "Idempotency-Key"

// WithIdempotencyKey names a request, so that it has its effect once, however often it is sent: also by another
// process. Without it, every call has a key of its own.
func WithIdempotencyKey(key string) RequestEditorFn {
	return withHeader(idempotencyKey, key)
}

// WithIfMatch changes or deletes a resource only if it still has this ETag. Otherwise the call fails with
// [ErrorCodePreconditionFailed].
func WithIfMatch(etag string) RequestEditorFn {
	return withHeader("If-Match", etag)
}

func withHeader(name, value string) RequestEditorFn {
	return func(_ context.Context, request *http.Request) error {
		request.Header.Set(name, value)
		return nil
	}
}

// withNewKey gives a call a key, unless the options have one.
func withNewKey(options []RequestEditorFn) []RequestEditorFn {
	return append([]RequestEditorFn{WithIdempotencyKey(rand.Text())}, options...)
}

const userAgent = "groundwork-client-go/" + Version

// Retry describes a refused request that is about to be sent again.
type Retry struct {
	Method string
	Path   string
	// Status is the status of the refusal: 429 or 503.
	Status int
	// Wait is the time between the refusal and the retry.
	Wait time.Duration
}

// sender sends requests, retries them when the service asks for it, and returns an [*Error] for a
// status other than 2xx.
type sender struct {
	service Service
}

// Do sends the request without a token.
func (s *sender) Do(request *http.Request) (*http.Response, error) {
	if err := makeRepeatable(request); err != nil {
		return nil, err
	}
	return s.send(request, "")
}

func (s *sender) send(request *http.Request, token string) (*http.Response, error) {
	for retries := 0; ; retries++ {
		response, err := s.sendOnce(request, token)
		if err != nil {
			return nil, err
		}
		if response.StatusCode/100 == 2 {
			return response, nil
		}
		failure := readError(response)
		wait, ok := waitBefore(request, failure, retries)
		if !ok || endsBefore(request.Context(), wait) {
			return nil, failure
		}
		if err := sleep(request.Context(), wait); err != nil {
			return nil, err
		}
		if s.service.OnRetry != nil {
			s.service.OnRetry(Retry{request.Method, request.URL.Path, failure.Status, wait})
		}
	}
}

func (s *sender) sendOnce(request *http.Request, token string) (*http.Response, error) {
	attempt := request.Clone(request.Context())
	if request.GetBody != nil {
		body, err := request.GetBody()
		if err != nil {
			return nil, err
		}
		attempt.Body = body
	}
	attempt.Header.Set("User-Agent", userAgent)
	if token != "" {
		attempt.Header.Set("Authorization", "Bearer "+token)
	}
	client := s.service.HTTPClient
	if client == nil {
		client = http.DefaultClient
	}
	return client.Do(attempt)
}

// makeRepeatable buffers a body that can be read only once.
func makeRepeatable(request *http.Request) error {
	if request.Body == nil || request.GetBody != nil {
		return nil
	}
	content, err := io.ReadAll(request.Body)
	if err != nil {
		return err
	}
	request.ContentLength = int64(len(content))
	request.GetBody = func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	}
	return request.Body.Close()
}

// waitBefore reports whether a refused request is sent again, and after how long.
func waitBefore(request *http.Request, failure *Error, retries int) (time.Duration, bool) {
	if retries == maxRetries || !mayRepeat(request, failure.Status) {
		return 0, false
	}
	wait, named := retryAfter(failure.Header.Get("Retry-After"), time.Now())
	if !named {
		wait = firstWait << retries
	}
	return wait, wait <= maxWait
}

// mayRepeat reports whether the request may be sent again. After a 429 nothing was done; after a
// 503 it may have been, which an idempotency key makes harmless.
func mayRepeat(request *http.Request, status int) bool {
	switch status {
	case http.StatusTooManyRequests:
		return true
	case http.StatusServiceUnavailable:
		isIdempotent := request.Method != http.MethodPost && request.Method != http.MethodPatch
		return isIdempotent || request.Header.Get(idempotencyKey) != ""
	default:
		return false
	}
}

// retryAfter parses Retry-After: seconds or a date (RFC 9110, section 10.2.3).
func retryAfter(header string, now time.Time) (wait time.Duration, named bool) {
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second, true
	}
	if date, err := http.ParseTime(header); err == nil {
		return max(0, date.Sub(now)), true
	}
	return 0, false
}

// endsBefore reports whether the context ends before the wait is over.
func endsBefore(ctx context.Context, wait time.Duration) bool {
	deadline, limited := ctx.Deadline()
	return limited && time.Until(deadline) < wait
}

func sleep(ctx context.Context, wait time.Duration) error {
	select {
	case <-time.After(wait):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
