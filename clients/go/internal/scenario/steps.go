package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/oapi-codegen/nullable"

	groundwork "groundwork.example/client-go"
)

var steps = map[string]func(*runner, context.Context, Step) error{
	"register":           (*runner).register,
	"duplicate":          (*runner).duplicate,
	"invalid":            (*runner).invalid,
	"login":              (*runner).logIn,
	"me":                 (*runner).me,
	"patch_absent":       (*runner).patchAbsent,
	"patch_null":         (*runner).patchNull,
	"forbidden":          (*runner).forbidden,
	"pages":              (*runner).pages,
	"not_found":          (*runner).notFound,
	"sorted_pages":       (*runner).sortedPages,
	"api_key":            (*runner).apiKey,
	"insufficient_scope": (*runner).insufficientScope,
	"deleted_api_key":    (*runner).deletedAPIKey,
	"sessions":           (*runner).sessions,
	"revoked_session":    (*runner).revokedSession,
	"logout_all":         (*runner).logOutAll,
	"lost_response":      (*runner).lostResponse,
	"own_key":            (*runner).ownKey,
	"reused_key":         (*runner).reusedKey,
	"fresh_etag":         (*runner).freshETag,
	"stale_etag":         (*runner).staleETag,
	"webhook":            (*runner).webhook,
	"rotated_secret":     (*runner).rotatedSecret,
	"expired_token":      (*runner).expiredToken,
	"rate_limited":       (*runner).rateLimited,
	"logout":             (*runner).logOut,
}

// runner holds what later steps need from earlier ones, and the counts.
type runner struct {
	scenario *Scenario
	control  string
	receiver string
	service  groundwork.Service
	user     *groundwork.Session
	admin    *groundwork.Session

	key     *groundwork.APIKeyWithSecret
	withKey *groundwork.API
	other   *groundwork.Session // another session of the user
	otherID string
	keyed   *groundwork.User // the user that ownKey creates
	etag    string           // of keyed, before freshETag changes it
	hook    *groundwork.WebhookWithSecret

	replayed  atomic.Value // the header Idempotency-Replayed of the last response
	listCalls atomic.Int32
	refreshes atomic.Int32
	retries   atomic.Int32
}

func newRunner(scenario *Scenario, url, control string) *runner {
	r := &runner{scenario: scenario, control: control}
	r.service = groundwork.Service{
		URL:        url,
		HTTPClient: &http.Client{Transport: r},
		OnRefresh:  func() { r.refreshes.Add(1) },
		OnRetry:    func(groundwork.Retry) { r.retries.Add(1) },
	}
	return r
}

// RoundTrip counts the requests to users_list, and notes whether a response was replayed.
func (r *runner) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Method == http.MethodGet && strings.HasSuffix(request.URL.Path, "/users") {
		r.listCalls.Add(1)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err == nil {
		r.replayed.Store(response.Header.Get("Idempotency-Replayed"))
	}
	return response, err
}

func (r *runner) register(ctx context.Context, step Step) error {
	answer, err := r.registerUser(ctx, r.scenario.User)
	if err != nil {
		return err
	}
	return step.Expect.compare(Expectation{
		"status":       answer.StatusCode(),
		"email":        answer.JSON201.Email,
		"full_name":    answer.JSON201.FullName,
		"is_superuser": answer.JSON201.IsSuperuser,
	})
}

func (r *runner) duplicate(ctx context.Context, step Step) error {
	_, err := r.registerUser(ctx, r.scenario.User)
	return expectError(step, err)
}

func (r *runner) invalid(ctx context.Context, step Step) error {
	_, err := r.registerUser(ctx, step.Body)
	failure, err := typed(err)
	if err != nil {
		return err
	}
	var fields []string
	for _, problem := range failure.Fields() {
		fields = append(fields, problem.Field)
	}
	return step.Expect.compare(Expectation{
		"status": failure.Status,
		"error":  failure.Body.Error,
		"fields": fields,
	})
}

func (r *runner) logIn(ctx context.Context, step Step) (err error) {
	if r.user, err = r.anotherSession(ctx); err != nil {
		return err
	}
	return step.Expect.compare(Expectation{
		"token_type": r.user.TokenType(),
		"expires_in": r.user.ExpiresIn().Seconds(),
	})
}

func (r *runner) me(ctx context.Context, step Step) error {
	me, err := r.user.API().Users.Me(ctx)
	if err != nil {
		return err
	}
	return step.Expect.compare(Expectation{"email": me.Email, "full_name": me.FullName})
}

func (r *runner) patchAbsent(ctx context.Context, step Step) error {
	return r.patch(ctx, step, groundwork.ProfileUpdate{})
}

func (r *runner) patchNull(ctx context.Context, step Step) error {
	return r.patch(ctx, step, groundwork.ProfileUpdate{FullName: nullable.NewNullNullable[string]()})
}

func (r *runner) patch(ctx context.Context, step Step, changes groundwork.ProfileUpdate) error {
	me, err := r.user.API().Users.MeUpdate(ctx, changes)
	if err != nil {
		return err
	}
	return step.Expect.compare(Expectation{"full_name": me.FullName})
}

func (r *runner) forbidden(ctx context.Context, step Step) error {
	_, err := r.user.API().Users.ListPage(ctx, groundwork.UsersListParams{})
	return expectError(step, err)
}

func (r *runner) pages(ctx context.Context, step Step) (err error) {
	admin := r.scenario.Seed.Admin
	if r.admin, err = r.service.LogIn(ctx, admin.Email, admin.Password); err != nil {
		return err
	}
	return r.list(ctx, step, nil, func(last, id int64) bool { return last < id })
}

func (r *runner) sortedPages(ctx context.Context, step Step) error {
	return r.list(ctx, step, &step.Sort, func(last, id int64) bool { return last == 0 || last > id })
}

// list iterates over all pages. inOrder says whether an id may come after the last one, which is 0
// at first.
func (r *runner) list(ctx context.Context, step Step, sort *string, inOrder func(last, id int64) bool) error {
	before := r.listCalls.Load()
	filter := groundwork.UsersListParams{Limit: &step.Limit, Email: &step.Email, Sort: sort}
	count, last := 0, int64(0)
	for user, err := range r.admin.API().Users.List(ctx, filter) {
		if err != nil {
			return err
		}
		if !inOrder(last, user.ID) {
			return fmt.Errorf("id %d comes after %d", user.ID, last)
		}
		count, last = count+1, user.ID
	}
	return step.Expect.compare(Expectation{"count": count, "calls": r.listCalls.Load() - before})
}

func (r *runner) notFound(ctx context.Context, step Step) error {
	_, err := r.admin.API().Users.Get(ctx, step.ID)
	return expectError(step, err)
}

func (r *runner) expiredToken(ctx context.Context, step Step) error {
	if err := r.advance(ctx, step.AdvanceSeconds); err != nil {
		return err
	}
	before := r.refreshes.Load()
	answers := make([]*groundwork.User, step.Parallel)
	failures := make([]error, step.Parallel)
	var calls sync.WaitGroup
	for i := range step.Parallel {
		calls.Add(1)
		go func() {
			defer calls.Done()
			answers[i], failures[i] = r.user.API().Users.Me(ctx)
		}()
	}
	calls.Wait()
	if err := errors.Join(failures...); err != nil {
		return err
	}
	refreshes := r.refreshes.Load() - before
	for _, answer := range answers {
		err := step.Expect.compare(Expectation{"email": answer.Email, "refreshes": refreshes})
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *runner) rateLimited(ctx context.Context, step Step) error {
	before := r.retries.Load()
	if err := r.callMe(ctx, step.First); err != nil {
		return err
	}
	if err := r.advance(ctx, step.AdvanceSeconds); err != nil {
		return err
	}
	if err := r.callMe(ctx, step.Then); err != nil {
		return err
	}
	return step.Expect.compare(Expectation{"retries": r.retries.Load() - before})
}

func (r *runner) callMe(ctx context.Context, times int) error {
	for range times {
		if _, err := r.user.API().Auth.Me(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (r *runner) logOut(ctx context.Context, step Step) error {
	if err := r.user.LogOut(ctx); err != nil {
		return err
	}
	_, err := r.user.API().Users.Me(ctx)
	return expectError(step, err)
}

// registerUser returns the whole response, because the step needs the status.
func (r *runner) registerUser(ctx context.Context, user TestUser) (*groundwork.AuthRegisterResponse, error) {
	client, err := r.service.Anonymous()
	if err != nil {
		return nil, err
	}
	request := groundwork.RegisterRequest{Email: user.Email, Password: user.Password}
	if user.FullName != "" {
		request.FullName = &user.FullName
	}
	return client.AuthRegisterWithResponse(ctx, request)
}

func expectError(step Step, err error) error {
	failure, err := typed(err)
	if err != nil {
		return err
	}
	return step.Expect.compare(Expectation{"status": failure.Status, "error": failure.Body.Error})
}

// typed returns the client's own error in err. Any other error, or none, fails the step.
func typed(err error) (*groundwork.Error, error) {
	var failure *groundwork.Error
	if errors.As(err, &failure) {
		return failure, nil
	}
	return nil, fmt.Errorf("expected an error of the service, got: %v", err)
}
