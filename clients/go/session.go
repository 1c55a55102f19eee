// Package groundwork is the client of the Groundwork API. The operations are generated from its
// OpenAPI document. The rest of the package adds sessions that refresh themselves, retries, typed
// errors and iteration over all pages.
//
// A [Service] has the address of the service. [Service.LogIn] opens a [Session]. [Session.API] has
// its operations by resource, such as session.API().Users.Me(ctx). [Service.API] has them without a
// session, for operations that need none, such as Auth.Register, and [Service.APIWithKey] has them for
// services, which have an API key. A call whose response has a status
// other than 2xx fails with an [*Error]. The generated methods with a name that ends in WithResponse
// return the whole response.
package groundwork

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// refreshTimeout limits a refresh, because all calls of the session wait for it.
const refreshTimeout = 30 * time.Second

// Service is the address of the service and how to call it. Only URL is required.
type Service struct {
	// URL is the base URL, without the path of the API: "https://api.example.com".
	URL string
	// HTTPClient sends the requests. If it is nil, http.DefaultClient does.
	HTTPClient *http.Client
	// OnRefresh is called after a session has received new tokens, possibly by several sessions at
	// once.
	OnRefresh func()
	// OnRetry is called before a refused request is sent again, possibly by several calls at once.
	OnRetry func(Retry)
}

// Anonymous returns a client without a session.
func (s Service) Anonymous() (*ClientWithResponses, error) {
	return s.client(&sender{service: s})
}

// API returns the operations by resource, without a session.
func (s Service) API() (*API, error) {
	client, err := s.Anonymous()
	if err != nil {
		return nil, err
	}
	return newAPI(client), nil
}

// APIWithKey returns the operations by resource, called with an API key: "gwk_…". A key needs no
// session and no refresh. A call that the scopes of the key do not allow fails with
// [ErrorCodeInsufficientScope].
func (s Service) APIWithKey(key string) (*API, error) {
	client, err := s.client(&keySender{sender: sender{service: s}, key: key})
	if err != nil {
		return nil, err
	}
	return newAPI(client), nil
}

// keySender sends requests with an API key.
type keySender struct {
	sender
	key string
}

// Format prints it without the key, because printing the generated client prints it.
func (*keySender) Format(state fmt.State, _ rune) {
	_, _ = fmt.Fprint(state, "key sender")
}

// Do sends the request with the key.
func (s *keySender) Do(request *http.Request) (*http.Response, error) {
	if err := makeRepeatable(request); err != nil {
		return nil, err
	}
	return s.send(request, s.key)
}

func (s Service) client(doer HttpRequestDoer) (*ClientWithResponses, error) {
	return NewClientWithResponses(s.URL, WithHTTPClient(doer))
}

// LogIn opens a session of the user with this email.
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

// Session is the client of a logged-in user. It sends the access token with every request, and
// exchanges the refresh token when the access token has expired. Several goroutines may use it at
// once.
type Session struct {
	*ClientWithResponses
	keeper *tokenKeeper
}

// API returns the operations by resource, called as the user of the session.
func (s *Session) API() *API {
	return newAPI(s.ClientWithResponses)
}

// Format prints the session without its tokens.
func (Session) Format(state fmt.State, _ rune) {
	_, _ = fmt.Fprint(state, "session")
}

// TokenType returns the type of the access token, such as "bearer".
func (s *Session) TokenType() TokenType {
	return s.keeper.current().TokenType
}

// ExpiresIn returns the lifetime of an access token from the moment it was issued.
func (s *Session) ExpiresIn() time.Duration {
	return time.Duration(s.keeper.current().ExpiresIn) * time.Second
}

// LogOut ends the session in the service. Later calls fail with [ErrorCodeInvalidToken].
func (s *Session) LogOut(ctx context.Context) error {
	if _, err := s.AuthLogoutWithResponse(ctx); err != nil {
		return err
	}
	s.keeper.end()
	return nil
}

// tokenKeeper holds the tokens of a session, sends its requests and renews the tokens.
type tokenKeeper struct {
	sender
	anonymous *ClientWithResponses

	mu      sync.Mutex
	tokens  TokenPair
	renewal *renewal // the renewal in progress, or nil
}

// renewal is one exchange of the refresh token. Read err only after done is closed.
type renewal struct {
	done chan struct{}
	err  error
}

// Format prints it without tokens as well, because printing the generated client of the session
// prints the tokenKeeper.
func (k *tokenKeeper) Format(state fmt.State, _ rune) {
	_, _ = fmt.Fprint(state, "token keeper")
}

// Do sends the request with the access token. If the token has expired, it renews the tokens and
// sends it again.
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

// end removes the refresh token. The access token stays: the service refuses it, so that later
// calls fail with the service's own error code.
func (k *tokenKeeper) end() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tokens.RefreshToken = ""
}

// renew gets a newer access token than used, if possible. However many calls wait for one, only one
// sends the refresh token, because it can be used once.
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

// join returns the renewal to wait for, and starts it if there is none. It returns nil if no
// renewal is needed or possible.
func (k *tokenKeeper) join(ctx context.Context, used string) *renewal {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.tokens.AccessToken != used || k.tokens.RefreshToken == "" {
		return nil
	}
	if k.renewal == nil {
		k.renewal = &renewal{done: make(chan struct{})}
		// Not with the context of the call: if it were cancelled, the response with the new tokens
		// would be lost.
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

// exchange sends the refresh token, and sends it again if the response was lost: the token may have
// been used, and the service repeats its response until a token of the new pair is used.
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

// expect returns the parsed body of a 2xx response. It is nil in the generated code if the body is
// not as documented.
func expect[T any](body *T) (*T, error) {
	if body == nil {
		return nil, errors.New("the answer is not what the API documents; is the URL right?")
	}
	return body, nil
}
