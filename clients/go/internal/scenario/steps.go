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
	"register":      (*runner).register,
	"duplicate":     (*runner).duplicate,
	"invalid":       (*runner).invalid,
	"login":         (*runner).logIn,
	"me":            (*runner).me,
	"patch_absent":  (*runner).patchAbsent,
	"patch_null":    (*runner).patchNull,
	"forbidden":     (*runner).forbidden,
	"pages":         (*runner).pages,
	"not_found":     (*runner).notFound,
	"expired_token": (*runner).expiredToken,
	"rate_limited":  (*runner).rateLimited,
	"logout":        (*runner).logOut,
}

// runner holds what later steps need from earlier ones, and the counts.
type runner struct {
	scenario  *Scenario
	control   string
	service   groundwork.Service
	user      *groundwork.Session
	admin     *groundwork.Session
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

// RoundTrip counts the requests to users_list.
func (r *runner) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Method == http.MethodGet && strings.HasSuffix(request.URL.Path, "/users") {
		r.listCalls.Add(1)
	}
	return http.DefaultTransport.RoundTrip(request)
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
	user := r.scenario.User
	if r.user, err = r.service.LogIn(ctx, user.Email, user.Password); err != nil {
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
	before := r.listCalls.Load()
	filter := groundwork.UsersListParams{Limit: &step.Limit, Email: &step.Email}
	count, last := 0, int64(0)
	for user, err := range r.admin.API().Users.List(ctx, filter) {
		if err != nil {
			return err
		}
		if user.ID <= last {
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

// advance moves the clock of the service forward.
func (r *runner) advance(ctx context.Context, seconds int) error {
	url := fmt.Sprintf("%s/advance?seconds=%d", r.control, seconds)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusNoContent {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	return nil
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
