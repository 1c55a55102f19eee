// Package groundwork is the client of the Groundwork API. The operations are generated from its OpenAPI document; the
// rest of the package adds sessions that refresh themselves, retries, typed errors and iteration over all pages.
//
// A [Service] says where the service is. [Service.LogIn] opens a [Session], which has every operation;
// [Service.Anonymous] gives the client for those that need none, such as AuthRegisterWithResponse.
// Every call that is not answered with a 2xx status fails with an [*Error].
package groundwork

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// refreshTimeout ends a refresh that hangs: all calls of the session wait for it.
const refreshTimeout = 30 * time.Second

// Service says where the service is and how to call it. Only URL is needed.
type Service struct {
	// URL is the base URL, without the path of the API: "https://api.example.com".
	URL string
	// HTTPClient sends the requests; http.DefaultClient when nil.
	HTTPClient *http.Client
	// OnRefresh is called after a session has got new tokens. Several sessions may call it at once.
	OnRefresh func()
	// OnRetry is called before a refused request is sent again. Several calls may call it at once.
	OnRetry func(Retry)
}

// Anonymous gives a client without a session.
func (s Service) Anonymous() (*ClientWithResponses, error) {
	return s.client(&sender{service: s})
}

func (s Service) client(doer HttpRequestDoer) (*ClientWithResponses, error) {
	return NewClientWithResponses(s.URL, WithHTTPClient(doer))
}

// LogIn opens a session of the account with this email.
func (s Service) LogIn(ctx context.Context, email, password string) (*Session, error) {
	anonymous, err := s.Anonymous()
	if err != nil {
		return nil, err
	}
	login, err := anonymous.AuthLoginWithResponse(ctx, LoginRequest{Email: email, Password: password})
	if err != nil {
		return nil, err
	}
	tokens, err := expect(login.JSON200)
	if err != nil {
		return nil, err
	}
	keeper := &tokenKeeper{sender: sender{service: s}, anonymous: anonymous, tokens: *tokens}
	client, err := s.client(keeper)
	if err != nil {
		return nil, err
	}
	return &Session{ClientWithResponses: client, keeper: keeper}, nil
}

// Session is a client that is logged in. It sends the access token with every request and exchanges the refresh token
// when the access token has expired. It may be used by several goroutines at once.
type Session struct {
	*ClientWithResponses
	keeper *tokenKeeper
}

// Format keeps the tokens out of whatever prints the session.
func (Session) Format(state fmt.State, _ rune) {
	_, _ = fmt.Fprint(state, "session")
}

// TokenType is how the session's access token is sent.
func (s *Session) TokenType() TokenType {
	return s.keeper.current().TokenType
}

// ExpiresIn is how long an access token of the session lives after it was given.
func (s *Session) ExpiresIn() time.Duration {
	return time.Duration(s.keeper.current().ExpiresIn) * time.Second
}

// LogOut ends the session at the service. Later calls fail with [ErrorCodeInvalidToken].
func (s *Session) LogOut(ctx context.Context) error {
	if _, err := s.AuthLogoutWithResponse(ctx); err != nil {
		return err
	}
	s.keeper.end()
	return nil
}

// tokenKeeper sends the requests of a session: it keeps the tokens and renews them.
type tokenKeeper struct {
	sender
	anonymous *ClientWithResponses

	mu      sync.Mutex
	tokens  TokenPair
	renewal *renewal // the one under way, nil when there is none
}

// renewal is one exchange of the refresh token; err may be read when done is closed.
type renewal struct {
	done chan struct{}
	err  error
}

// Format does the same for the generated client of the session, which shows what it sends requests with.
func (k *tokenKeeper) Format(state fmt.State, _ rune) {
	_, _ = fmt.Fprint(state, "token keeper")
}

// Do sends the request with the access token. When that has expired, it renews the tokens and sends the request again.
func (k *tokenKeeper) Do(request *http.Request) (*http.Response, error) {
	if err := makeRepeatable(request); err != nil {
		return nil, err
	}
	used := k.current().AccessToken
	response, err := k.send(request, used)
	if CodeOf(err) != ErrorCodeInvalidToken {
		return response, err
	}
	if err := k.renew(request.Context(), used); err != nil {
		return nil, err
	}
	if token := k.current().AccessToken; token != used {
		return k.send(request, token)
	}
	return nil, err
}

func (k *tokenKeeper) current() TokenPair {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.tokens
}

// end forgets the refresh token. The access token stays, because the service refuses it from now on with the code that
// says so.
func (k *tokenKeeper) end() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tokens.RefreshToken = ""
}

// renew sees to it that the session has a newer access token than used, if it can have one. However many calls want
// that, the refresh token is sent by one: it is spent by its use.
func (k *tokenKeeper) renew(ctx context.Context, used string) error {
	pending := k.join(ctx, used)
	if pending == nil {
		return nil
	}
	select {
	case <-pending.done:
		return pending.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// join gives the renewal to wait for, and starts it if need be; nil when there is nothing to be had by waiting.
func (k *tokenKeeper) join(ctx context.Context, used string) *renewal {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.tokens.AccessToken != used || k.tokens.RefreshToken == "" {
		return nil
	}
	if k.renewal == nil {
		k.renewal = &renewal{done: make(chan struct{})}
		// Not with the call: when it is cancelled, the answer with the new tokens would be lost.
		go k.run(context.WithoutCancel(ctx), k.renewal, k.tokens.RefreshToken)
	}
	return k.renewal
}

func (k *tokenKeeper) run(ctx context.Context, pending *renewal, refreshToken string) {
	ctx, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	tokens, err := k.exchange(ctx, refreshToken)

	k.mu.Lock()
	switch {
	case err == nil:
		k.tokens = *tokens
	case statusOf(err) == http.StatusUnauthorized:
		k.tokens.RefreshToken = ""
	default:
		pending.err = fmt.Errorf("refreshing the session: %w", err)
	}
	k.renewal = nil
	k.mu.Unlock()

	if err == nil && k.service.OnRefresh != nil {
		k.service.OnRefresh()
	}
	close(pending.done)
}

// exchange sends the refresh token, and once more when no answer came: it may be spent, and the service repeats its
// answer until a token of the new pair is used.
func (k *tokenKeeper) exchange(ctx context.Context, refreshToken string) (*TokenPair, error) {
	body := RefreshRequest{RefreshToken: refreshToken}
	answer, err := k.anonymous.AuthRefreshWithResponse(ctx, body)
	if err != nil && statusOf(err) == 0 && ctx.Err() == nil {
		answer, err = k.anonymous.AuthRefreshWithResponse(ctx, body)
	}
	if err != nil {
		return nil, err
	}
	return expect(answer.JSON200)
}

// expect is the parsed body of a 2xx answer, which the generated code leaves out when it is not the documented one.
func expect[T any](body *T) (*T, error) {
	if body == nil {
		return nil, errors.New("the answer is not what the API documents; is the URL right?")
	}
	return body, nil
}
