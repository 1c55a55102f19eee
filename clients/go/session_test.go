package groundwork

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// fakeService knows one session and one page of users. Its fields are guarded by mu.
type fakeService struct {
	*httptest.Server
	mu          sync.Mutex
	generation  int // of the tokens: login issues access-1 and refresh-1
	sessionOver bool
	dropAnswers int      // number of refreshes that succeed and whose response is lost
	refuse      []answer // responses to the next calls of /users/me
	refreshes   atomic.Int32
	bodies      []string // of PATCH /users/me
}

type answer struct {
	status     int
	retryAfter string
	body       string
}

func startService(t *testing.T) *fakeService {
	fake := &fakeService{generation: 1}
	routes := http.NewServeMux()
	routes.HandleFunc("POST /api/v1/auth/login", fake.tokens)
	routes.HandleFunc("POST /api/v1/auth/refresh", fake.refresh)
	routes.HandleFunc("POST /api/v1/auth/logout", fake.logOut)
	routes.HandleFunc("/api/v1/users/me", fake.me)
	fake.Server = httptest.NewServer(routes)
	t.Cleanup(fake.Close)
	return fake
}

func (f *fakeService) logIn(t *testing.T, service Service) *Session {
	t.Helper()
	service.URL = f.URL
	session, err := service.LogIn(t.Context(), "ada@example.com", "secret")
	if err != nil {
		t.Fatal(err)
	}
	return session
}

// expire invalidates the current access token.
func (f *fakeService) expire() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.generation++
}

func (f *fakeService) tokens(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, TokenPair{
		AccessToken:  fmt.Sprintf("access-%d", f.generation),
		RefreshToken: fmt.Sprintf("refresh-%d", f.generation),
		TokenType:    TokenTypeBearer,
		ExpiresIn:    1800,
	})
}

// refresh accepts the token before the current one, which expire created, any number of times.
func (f *fakeService) refresh(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refreshes.Add(1)
	var body RefreshRequest
	_ = json.NewDecoder(r.Body).Decode(&body)
	switch {
	case f.dropAnswers > 0:
		f.dropAnswers--
		panic(http.ErrAbortHandler)
	case f.sessionOver || body.RefreshToken != fmt.Sprintf("refresh-%d", f.generation-1):
		writeError(w, http.StatusUnauthorized, ErrorCodeInvalidToken)
	default:
		f.tokens(w, r)
	}
}

func (f *fakeService) logOut(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sessionOver = true
	w.WriteHeader(http.StatusNoContent)
}

func (f *fakeService) me(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	f.bodies = append(f.bodies, string(body))
	valid := !f.sessionOver && r.Header.Get("Authorization") == fmt.Sprintf("Bearer access-%d", f.generation)
	switch {
	case !valid:
		writeError(w, http.StatusUnauthorized, ErrorCodeInvalidToken)
	case len(f.refuse) > 0:
		refusal := f.refuse[0]
		f.refuse = f.refuse[1:]
		if refusal.retryAfter != "" {
			w.Header().Set("Retry-After", refusal.retryAfter)
		}
		w.WriteHeader(refusal.status)
		_, _ = io.WriteString(w, refusal.body)
	default:
		writeJSON(w, http.StatusOK, User{Email: "ada@example.com"})
	}
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func writeError(w http.ResponseWriter, status int, code ErrorCode) {
	writeJSON(w, status, ErrorBody{Error: code, Message: "No."})
}

func TestParallelCallsRefreshOnce(t *testing.T) {
	fake := startService(t)
	var observed atomic.Int32
	session := fake.logIn(t, Service{OnRefresh: func() { observed.Add(1) }})
	for round := int32(1); round <= 3; round++ {
		fake.expire()
		failures := make(chan error)
		for range 16 {
			go func() {
				_, err := session.UsersMeWithResponse(t.Context())
				failures <- err
			}()
		}
		for range 16 {
			if err := <-failures; err != nil {
				t.Error(err)
			}
		}
		if fake.refreshes.Load() != round || observed.Load() != round {
			t.Fatalf("round %d: %d refreshes, %d observed", round, fake.refreshes.Load(), observed.Load())
		}
	}
}

func TestRefusedRefreshEndsTheSession(t *testing.T) {
	fake := startService(t)
	session := fake.logIn(t, Service{})
	fake.expire()
	fake.expire()
	for range 3 {
		if _, err := session.UsersMeWithResponse(t.Context()); CodeOf(err) != ErrorCodeInvalidToken {
			t.Fatalf("expected invalid_token, got: %v", err)
		}
	}
	if n := fake.refreshes.Load(); n != 1 {
		t.Fatalf("%d refreshes", n)
	}
}

func TestLostAnswerToARefreshIsAskedForAgain(t *testing.T) {
	fake := startService(t)
	session := fake.logIn(t, Service{})
	fake.expire()
	fake.dropAnswers = 1
	if _, err := session.UsersMeWithResponse(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestNetworkFailureKeepsTheRefreshToken(t *testing.T) {
	fake := startService(t)
	session := fake.logIn(t, Service{})
	fake.expire()
	fake.dropAnswers = 2
	_, err := session.UsersMeWithResponse(t.Context())
	if err == nil || statusOf(err) != 0 {
		t.Fatalf("expected the network's error, got: %v", err)
	}
	if _, err := session.UsersMeWithResponse(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestCancelledCallDoesNotLoseTheNewTokens(t *testing.T) {
	fake := startService(t)
	refreshed := make(chan struct{})
	session := fake.logIn(t, Service{OnRefresh: func() { close(refreshed) }})
	fake.expire()
	ctx, cancel := context.WithCancel(t.Context())
	pending := session.keeper.join(ctx, "access-1")
	cancel()
	if pending == nil {
		t.Fatal("no renewal was started")
	}
	<-refreshed
	if _, err := session.UsersMeWithResponse(t.Context()); err != nil || fake.refreshes.Load() != 1 {
		t.Fatalf("%d refreshes, error: %v", fake.refreshes.Load(), err)
	}
}

func TestLogOutDoesNotRefresh(t *testing.T) {
	fake := startService(t)
	session := fake.logIn(t, Service{})
	if err := session.LogOut(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := session.UsersMeWithResponse(t.Context())
	if CodeOf(err) != ErrorCodeInvalidToken || fake.refreshes.Load() != 0 {
		t.Fatalf("%d refreshes, error: %v", fake.refreshes.Load(), err)
	}
}

func TestBodyIsSentAgain(t *testing.T) {
	fake := startService(t)
	session := fake.logIn(t, Service{})
	fake.expire()
	fake.refuse = []answer{{status: http.StatusTooManyRequests, retryAfter: "0"}}
	// Neither a buffer nor a string, so net/http cannot rewind it.
	body := io.MultiReader(strings.NewReader(`{"full_name":`), strings.NewReader(`null}`))
	if _, err := session.UsersMeUpdateWithBodyWithResponse(t.Context(), "application/json", body); err != nil {
		t.Fatal(err)
	}
	// The first request is refused with 401, the second with 429.
	if len(fake.bodies) != 3 {
		t.Fatalf("%d requests", len(fake.bodies))
	}
	for _, body := range fake.bodies {
		if body != `{"full_name":null}` {
			t.Fatalf("sent %q", body)
		}
	}
}

func TestRetries(t *testing.T) {
	busy, down := http.StatusTooManyRequests, http.StatusServiceUnavailable
	now, later := "0", "61"
	for _, test := range []struct {
		name    string
		method  string
		refuse  []answer
		retries int
		status  int // 0: the call succeeds
	}{
		{"429 of a GET", http.MethodGet, []answer{{busy, now, ""}}, 1, 0},
		{"429 of a PATCH", http.MethodPatch, []answer{{busy, now, ""}}, 1, 0},
		{"503 of a GET", http.MethodGet, []answer{{down, now, ""}, {down, now, ""}, {down, now, ""}}, 3, 0},
		{"503 of a PATCH", http.MethodPatch, []answer{{down, now, ""}}, 0, down},
		{"a fourth refusal", http.MethodGet, []answer{{busy, now, ""}, {busy, now, ""}, {busy, now, ""}, {busy, now, ""}}, 3, busy},
		{"a long wait", http.MethodGet, []answer{{busy, later, ""}}, 0, busy},
		{"500", http.MethodGet, []answer{{http.StatusInternalServerError, now, ""}}, 0, http.StatusInternalServerError},
	} {
		t.Run(test.name, func(t *testing.T) {
			fake := startService(t)
			retries := 0
			session := fake.logIn(t, Service{OnRetry: func(Retry) { retries++ }})
			fake.refuse = test.refuse
			err := callMe(t, session, test.method)
			if statusOf(err) != test.status || (err == nil) != (test.status == 0) {
				t.Errorf("error: %v", err)
			}
			if retries != test.retries {
				t.Errorf("%d retries", retries)
			}
		})
	}
}

func callMe(t *testing.T, session *Session, method string) error {
	if method == http.MethodPatch {
		_, err := session.UsersMeUpdateWithResponse(t.Context(), ProfileUpdate{})
		return err
	}
	_, err := session.UsersMeWithResponse(t.Context())
	return err
}

func TestWaitBeyondTheDeadlineIsNotBegun(t *testing.T) {
	fake := startService(t)
	session := fake.logIn(t, Service{})
	fake.refuse = []answer{{http.StatusTooManyRequests, "50", ""}}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := session.UsersMeWithResponse(ctx); statusOf(err) != http.StatusTooManyRequests || ctx.Err() != nil {
		t.Fatalf("error: %v", err)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 31, 9, 30, 0, 0, time.UTC)
	for header, expected := range map[string]time.Duration{
		"0":                             0,
		"17":                            17 * time.Second,
		"Sat, 31 Jan 2026 09:30:05 GMT": 5 * time.Second,
		"Sat, 31 Jan 2026 09:29:00 GMT": 0,
	} {
		if wait, named := retryAfter(header, now); !named || wait != expected {
			t.Errorf("%q: %v, %v", header, wait, named)
		}
	}
	for _, header := range []string{"", "-1", "soon"} {
		if _, named := retryAfter(header, now); named {
			t.Errorf("%q names a time", header)
		}
	}
}

func TestErrorsOfOtherVersionsAndOfProxies(t *testing.T) {
	for _, test := range []struct{ body, code, text string }{
		{`{"error":"from_the_future","message":"Hm.","request_id":"1"}`, "from_the_future", "418 from_the_future: Hm. (request 1)"},
		{`{"error":"validation_error","details":{"fields":"none"}}`, "", "418 I'm a teapot"},
		{`<html>`, "", "418 I'm a teapot"},
		{``, "", "418 I'm a teapot"},
	} {
		fake := startService(t)
		session := fake.logIn(t, Service{})
		fake.refuse = []answer{{http.StatusTeapot, "", test.body}}
		_, err := session.UsersMeWithResponse(t.Context())
		var failure *Error
		if !errors.As(err, &failure) || failure.Status != http.StatusTeapot {
			t.Fatalf("error: %v", err)
		}
		if string(failure.Body.Error) != test.code || failure.Error() != test.text || len(failure.Fields()) != 0 {
			t.Errorf("%q: %q", test.body, failure.Error())
		}
	}
}

func TestTokensAreNotPrinted(t *testing.T) {
	fake := startService(t)
	session := fake.logIn(t, Service{})
	client := session.ClientInterface.(*Client)
	for _, value := range []any{session, *session, session.ClientWithResponses, client, *client, client.Client} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			text := fmt.Sprintf(verb, value)
			if strings.Contains(text, "access-1") || strings.Contains(text, "refresh-1") ||
				strings.Contains(text, fmt.Sprintf("%x", "refresh-1")) {
				t.Errorf("%s of %T: %s", verb, value, text)
			}
		}
	}
}

func TestRequestsWithAKeyAreRepeatable(t *testing.T) {
	request := func(method string) *http.Request {
		request, err := http.NewRequestWithContext(t.Context(), method, "https://api.example.com/", nil)
		if err != nil {
			t.Fatal(err)
		}
		return request
	}
	post, keyed := request(http.MethodPost), request(http.MethodPost)
	for _, option := range withNewKey([]RequestEditorFn{WithIdempotencyKey("mine"), WithIfMatch(`"tag"`)}) {
		if err := option(t.Context(), keyed); err != nil {
			t.Fatal(err)
		}
	}
	if keyed.Header.Get(idempotencyKey) != "mine" || keyed.Header.Get("If-Match") != `"tag"` {
		t.Errorf("headers: %v", keyed.Header)
	}
	if mayRepeat(post, http.StatusServiceUnavailable) || !mayRepeat(keyed, http.StatusServiceUnavailable) {
		t.Error("a key decides whether a POST is repeated")
	}
}
