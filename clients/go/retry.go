package groundwork

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"time"
)

const (
	maxRetries = 3
	// maxWait is the longest wait worth keeping a caller for; beyond it the error is the better answer.
	maxWait = 60 * time.Second
	// firstWait is for answers that name no time; it doubles with each retry.
	firstWait = time.Second
)

const userAgent = "groundwork-client-go/" + Version

// Retry is a request that was refused and is sent again now.
type Retry struct {
	Method string
	Path   string
	// Status is what it was refused with: 429, or 503.
	Status int
	// Wait is how long it was held back.
	Wait time.Duration
}

// sender sends requests, again when the service asks for it, and turns every answer but 2xx into an [*Error].
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
		wait, ok := waitBefore(request.Method, failure, retries)
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

// makeRepeatable keeps a body that could be read once only.
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

// waitBefore says whether a refused request is sent again, and after how long.
func waitBefore(method string, failure *Error, retries int) (time.Duration, bool) {
	if retries == maxRetries || !mayRepeat(method, failure.Status) {
		return 0, false
	}
	wait, named := retryAfter(failure.Header.Get("Retry-After"), time.Now())
	if !named {
		wait = firstWait << retries
	}
	return wait, wait <= maxWait
}

// mayRepeat says whether the same request may be sent again: a 429 was not begun, a 503 may have been carried out.
func mayRepeat(method string, status int) bool {
	switch status {
	case http.StatusTooManyRequests:
		return true
	case http.StatusServiceUnavailable:
		return method != http.MethodPost && method != http.MethodPatch
	default:
		return false
	}
}

// retryAfter reads both forms of the header: seconds, or a date (RFC 9110, section 10.2.3).
func retryAfter(header string, now time.Time) (wait time.Duration, named bool) {
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second, true
	}
	if date, err := http.ParseTime(header); err == nil {
		return max(0, date.Sub(now)), true
	}
	return 0, false
}

// endsBefore says whether the context ends before the wait is over.
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
