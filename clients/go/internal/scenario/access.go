package main

import (
	"context"
	"errors"

	groundwork "groundwork.example/client-go"
)

func (r *runner) apiKey(ctx context.Context, step Step) (err error) {
	if r.key, err = r.admin.API().APIKeys.Create(ctx, step.Key); err != nil {
		return err
	}
	if r.withKey, err = r.service.APIWithKey(r.key.Key); err != nil {
		return err
	}
	me, err := r.withKey.Users.Me(ctx)
	if err != nil {
		return err
	}
	return step.Expect.compare(Expectation{"scopes": r.key.Scopes, "email": me.Email})
}

func (r *runner) insufficientScope(ctx context.Context, step Step) error {
	_, err := r.withKey.Users.Create(ctx, creation(step))
	return expectError(step, err)
}

func (r *runner) deletedAPIKey(ctx context.Context, step Step) error {
	if err := r.admin.API().APIKeys.Delete(ctx, r.key.ID); err != nil {
		return err
	}
	_, err := r.withKey.Users.Me(ctx)
	return expectError(step, err)
}

func (r *runner) sessions(ctx context.Context, step Step) (err error) {
	if r.other, err = r.anotherSession(ctx); err != nil {
		return err
	}
	count, current := 0, 0
	for session, err := range r.user.API().Auth.SessionsList(ctx, groundwork.AuthSessionsListParams{}) {
		if err != nil {
			return err
		}
		count++
		if session.IsCurrent {
			current++
		} else {
			r.otherID = session.ID
		}
	}
	return step.Expect.compare(Expectation{"count": count, "current": current})
}

func (r *runner) revokedSession(ctx context.Context, step Step) error {
	if err := r.user.API().Auth.SessionsRevoke(ctx, r.otherID); err != nil {
		return err
	}
	_, err := r.other.API().Users.Me(ctx)
	return expectError(step, err)
}

func (r *runner) logOutAll(ctx context.Context, step Step) error {
	other, err := r.anotherSession(ctx)
	if err != nil {
		return err
	}
	err = r.user.API().Auth.LogoutAll(ctx)
	_, stays := r.user.API().Users.Me(ctx)
	if err := errors.Join(err, stays); err != nil {
		return err
	}
	_, err = other.API().Users.Me(ctx)
	return expectError(step, err)
}

// anotherSession opens one more session of the user.
func (r *runner) anotherSession(ctx context.Context) (*groundwork.Session, error) {
	return r.service.LogIn(ctx, r.scenario.User.Email, r.scenario.User.Password)
}

// creation is the body of users_create that the step has.
func creation(step Step) groundwork.UserCreate {
	body := groundwork.UserCreate{Email: step.Body.Email, Password: step.Body.Password}
	if step.Body.FullName != "" {
		body.FullName = &step.Body.FullName
	}
	return body
}
