package groundwork

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"testing"
	"time"
)

type webhookCase struct {
	Name    string
	Secret  string
	Headers map[string]string
	Body    string
	Now     int64
	Error   string
}

func webhookCases(t *testing.T) []webhookCase {
	text, err := os.ReadFile("../webhooks.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []webhookCase }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) == 0 {
		t.Fatal("no cases")
	}
	return file.Cases
}

func (c webhookCase) header() http.Header {
	header := http.Header{}
	for name, value := range c.Headers {
		header.Set(name, value)
	}
	return header
}

func TestAMessageIsAcceptedOnlyIfItIsAuthenticAndRecent(t *testing.T) {
	problems := map[string]error{
		"secret":    ErrWebhookSecret,
		"header":    ErrWebhookHeader,
		"timestamp": ErrWebhookTimestamp,
		"signature": ErrWebhookSignature,
	}
	for _, c := range webhookCases(t) {
		t.Run(c.Name, func(t *testing.T) {
			expected, isKnown := problems[c.Error]
			if c.Error != "" && !isKnown {
				t.Fatalf("unknown error %q", c.Error)
			}
			if err := verifyWebhookAt(c.Secret, c.header(), []byte(c.Body), time.Unix(c.Now, 0)); !errors.Is(err, expected) {
				t.Errorf("got %v, expected %v", err, expected)
			}
		})
	}
}

func TestAMessageOfLongAgoIsRefusedByTheClockOfTheMachine(t *testing.T) {
	c := webhookCases(t)[0]
	if err := VerifyWebhook(c.Secret, c.header(), []byte(c.Body)); !errors.Is(err, ErrWebhookTimestamp) {
		t.Errorf("got %v", err)
	}
}
