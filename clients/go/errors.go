package groundwork

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// maxErrorBytes bounds what is read of an error's body, which need not come from the service.
const maxErrorBytes = 1 << 20

// Error is a call that was not answered with a 2xx status.
type Error struct {
	// Status is the HTTP status.
	Status int
	// Header has, for example, Retry-After.
	Header http.Header
	// Body is what the service says. It is empty when the answer did not come from the service but from a proxy.
	// Body.Error may be a code that this version does not know: go by Status then.
	Body ErrorBody
}

// Error says what went wrong, for people.
func (e *Error) Error() string {
	if e.Body.Error == "" {
		return fmt.Sprintf("%d %s", e.Status, http.StatusText(e.Status))
	}
	return fmt.Sprintf("%d %s: %s (request %s)", e.Status, e.Body.Error, e.Body.Message, e.Body.RequestID)
}

// Fields are the values that break a rule, with [ErrorCodeValidationError].
func (e *Error) Fields() []FieldProblem {
	if e.Body.Details == nil {
		return nil
	}
	return e.Body.Details.Fields
}

// CodeOf is the code of the [*Error] in err; empty when there is none.
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

// readError makes an Error of an answer and closes it.
func readError(response *http.Response) *Error {
	defer func() { _ = response.Body.Close() }()
	failure := &Error{Status: response.StatusCode, Header: response.Header}
	var body ErrorBody
	if json.NewDecoder(io.LimitReader(response.Body, maxErrorBytes)).Decode(&body) == nil {
		failure.Body = body
	}
	return failure
}
