// Command scenario runs clients/scenario.json with this client against a running service.
//
// GROUNDWORK_SCENARIO is the path of the file, GROUNDWORK_URL the address of the service,
// GROUNDWORK_CONTROL the address that advances its clock, loses a response and has the webhook
// messages, and GROUNDWORK_RECEIVER the address that receives them.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	groundwork "groundwork.example/client-go"
)

const timeLimit = 2 * time.Minute

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "scenario:", err)
		os.Exit(1)
	}
}

func run() error {
	scenario, err := read(os.Getenv("GROUNDWORK_SCENARIO"))
	if err != nil {
		return err
	}
	if err := sameSteps(scenario.Steps); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeLimit)
	defer cancel()
	runner := newRunner(scenario, os.Getenv("GROUNDWORK_URL"), os.Getenv("GROUNDWORK_CONTROL"))
	runner.receiver = os.Getenv("GROUNDWORK_RECEIVER")
	for _, step := range scenario.Steps {
		if err := steps[step.Name](runner, ctx, step); err != nil {
			return fmt.Errorf("step %s: %w", step.Name, err)
		}
		fmt.Println("step", step.Name)
	}
	return nil
}

// sameSteps fails if a step of the data has no function, or a function has no step.
func sameSteps(data []Step) error {
	named := map[string]bool{}
	for _, step := range data {
		named[step.Name] = true
		if steps[step.Name] == nil {
			return fmt.Errorf("step %s has no function", step.Name)
		}
	}
	for name := range steps {
		if !named[name] {
			return fmt.Errorf("function %s has no step", name)
		}
	}
	return nil
}

// Scenario is clients/scenario.json.
type Scenario struct {
	Seed struct {
		Admin TestUser `json:"admin"`
	} `json:"seed"`
	User  TestUser `json:"user"`
	Steps []Step   `json:"steps"`
}

// TestUser is a user who registers or logs in.
type TestUser struct {
	Email    string `json:"email"`
	Password string `json:"password"`
	FullName string `json:"full_name"`
}

// Step is one step. It has the fields of all steps.
type Step struct {
	Name           string                  `json:"step"`
	Body           TestUser                `json:"body"`
	Limit          int32                   `json:"limit"`
	Email          string                  `json:"email"`
	Sort           string                  `json:"sort"`
	ID             int64                   `json:"id"`
	Key            groundwork.APIKeyCreate `json:"key"`
	IdempotencyKey string                  `json:"idempotency_key"`
	FullName       string                  `json:"full_name"`
	Events         []string                `json:"events"`
	AdvanceSeconds int                     `json:"advance_seconds"`
	Parallel       int                     `json:"parallel"`
	First          int                     `json:"first"`
	Then           int                     `json:"then"`
	Expect         Expectation             `json:"expect"`
}

// Expectation is the expected result of a step.
type Expectation map[string]any

// compare fails unless actual equals the expectation, so that no expected value is left unchecked.
func (e Expectation) compare(actual Expectation) error {
	want, err := json.Marshal(e)
	if err != nil {
		return err
	}
	got, err := json.Marshal(actual)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("expected %s, got %s", want, got)
	}
	return nil
}

func read(path string) (*Scenario, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var scenario Scenario
	if err := json.Unmarshal(content, &scenario); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &scenario, nil
}
