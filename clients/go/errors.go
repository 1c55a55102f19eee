package groundwork

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// maxErrorBytes is the most that is read of an error body, which may come from something other than
// the service.
const maxErrorBytes = 1 << 20

// Error is a response whose status is not 2xx.
type Error struct {
	// Status is the HTTP status.
	Status int
	// Header is the response header, for example with Retry-After.
	Header http.Header
	// Body is the error body of the service. It is empty when a proxy sent the response.
	// Body.Error may be a code that this version does not know: use Status then.
	Body ErrorBody
}

// Error returns a message for people.
func (e *Error) Error() string {
	if e.Body.Error == "" {
		return fmt.Sprintf("%d %s", e.Status, http.StatusText(e.Status))
	}
	return fmt.Sprintf("%d %s: %s (request %s)", e.Status, e.Body.Error, e.Body.Message, e.Body.RequestID)
}

// Fields returns the invalid fields of an [ErrorCodeValidationError].
func (e *Error) Fields() []FieldProblem {
	if e.Body.Details == nil {
		return nil
	}
	return e.Body.Details.Fields
}

// CodeOf returns the code of the [*Error] in err, or "" if there is none.
func CodeOf(err error) ErrorCode {
	var failure *Error
	if errors.As(err, &failure) {
		return failure.Body.Error
	}
	return ""
}

func statusOf(err error) int {
	var failure *Error
	if errors.As(err, &failure) {
		return failure.Status
	}
	return 0
}

// readError converts a response to an Error and closes its body.
func readError(response *http.Response) *Error {
	defer func() { _ = response.Body.Close() }()
	failure := &Error{Status: response.StatusCode, Header: response.Header}
	var body ErrorBody
	if json.NewDecoder(io.LimitReader(response.Body, maxErrorBytes)).Decode(&body) == nil {
		failure.Body = body
	}
	return failure
}
