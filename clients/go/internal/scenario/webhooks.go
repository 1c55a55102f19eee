package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	groundwork "groundwork.example/client-go"
)

// event is the body of a message about a user.
type event struct {
	Type string          `json:"type"`
	Data groundwork.User `json:"data"`
}

func (r *runner) webhook(ctx context.Context, step Step) (err error) {
	request := groundwork.WebhookCreate{URL: r.receiver, Events: step.Events}
	if r.hook, err = r.admin.API().Webhooks.Create(ctx, request); err != nil {
		return err
	}
	if _, err := r.admin.API().Users.Create(ctx, creation(step)); err != nil {
		return err
	}
	header, body, err := r.message(ctx)
	if err != nil {
		return err
	}
	if err := groundwork.VerifyWebhook(r.hook.Secret, header, body); err != nil {
		return err
	}
	var message event
	if err := json.Unmarshal(body, &message); err != nil {
		return err
	}
	changed := groundwork.VerifyWebhook(r.hook.Secret, header, append(body, ' '))
	if !errors.Is(changed, groundwork.ErrWebhookSignature) {
		return fmt.Errorf("a changed message: %v", changed)
	}
	return step.Expect.compare(Expectation{
		"type":    message.Type,
		"email":   message.Data.Email,
		"changed": "signature",
	})
}

func (r *runner) rotatedSecret(ctx context.Context, step Step) error {
	rotated, err := r.admin.API().Webhooks.RotateSecret(ctx, r.hook.ID)
	if err != nil {
		return err
	}
	if _, err := r.admin.API().Webhooks.Test(ctx, r.hook.ID); err != nil {
		return err
	}
	header, body, err := r.message(ctx)
	if err != nil {
		return err
	}
	var message struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(body, &message); err != nil {
		return err
	}
	secrets := map[string]bool{rotated.Secret: true, r.hook.Secret: true}
	for secret := range secrets {
		if err := groundwork.VerifyWebhook(secret, header, body); err != nil {
			return err
		}
	}
	return step.Expect.compare(Expectation{"type": message.Type, "secrets": len(secrets)})
}
