package main

import (
	"context"
	"errors"

	"github.com/oapi-codegen/nullable"

	groundwork "groundwork.example/client-go"
)

func (r *runner) lostResponse(ctx context.Context, step Step) error {
	if err := r.loseResponse(ctx); err != nil {
		return err
	}
	before := r.retries.Load()
	user, err := r.admin.API().Users.Create(ctx, creation(step))
	if err != nil {
		return err
	}
	replayed, retries := r.replayed.Load(), r.retries.Load()-before
	found, err := r.admin.API().Users.ListPage(ctx, groundwork.UsersListParams{Email: &user.Email})
	if err != nil {
		return err
	}
	return step.Expect.compare(Expectation{
		"email":    user.Email,
		"retries":  retries,
		"replayed": replayed,
		"count":    len(found.Items),
	})
}

func (r *runner) ownKey(ctx context.Context, step Step) (err error) {
	key := groundwork.WithIdempotencyKey(step.IdempotencyKey)
	if r.keyed, err = r.admin.API().Users.Create(ctx, creation(step), key); err != nil {
		return err
	}
	if r.replayed.Load() != "" {
		return errors.New("the first response is a replayed one")
	}
	again, err := r.admin.API().Users.Create(ctx, creation(step), key)
	if err != nil {
		return err
	}
	users := map[int64]bool{r.keyed.ID: true, again.ID: true}
	return step.Expect.compare(Expectation{"users": len(users), "replayed": r.replayed.Load()})
}

func (r *runner) reusedKey(ctx context.Context, step Step) error {
	key := groundwork.WithIdempotencyKey(step.IdempotencyKey)
	_, err := r.admin.API().Users.Create(ctx, creation(step), key)
	return expectError(step, err)
}

func (r *runner) freshETag(ctx context.Context, step Step) error {
	// The generated function, because the step needs a header.
	answer, err := r.admin.UsersGetWithResponse(ctx, r.keyed.ID)
	if err != nil {
		return err
	}
	r.etag = answer.HTTPResponse.Header.Get("ETag")
	changed, err := r.rename(ctx, step)
	if err != nil {
		return err
	}
	return step.Expect.compare(Expectation{"full_name": changed.FullName})
}

func (r *runner) staleETag(ctx context.Context, step Step) error {
	_, err := r.rename(ctx, step)
	return expectError(step, err)
}

// rename gives the user the name of the step if the ETag still matches.
func (r *runner) rename(ctx context.Context, step Step) (*groundwork.User, error) {
	changes := groundwork.UserUpdate{FullName: nullable.NewNullableWithValue(step.FullName)}
	return r.admin.API().Users.Update(ctx, r.keyed.ID, changes, groundwork.WithIfMatch(r.etag))
}
