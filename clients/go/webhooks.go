package groundwork

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The errors of [VerifyWebhook]. A message with one of them must not be processed.
var (
	// ErrWebhookSecret means that the secret is not "whsec_" and 24 to 64 bytes in base64.
	ErrWebhookSecret = errors.New("the secret is malformed")
	// ErrWebhookHeader means that a header is missing or malformed.
	ErrWebhookHeader = errors.New("a webhook header is missing or malformed")
	// ErrWebhookTimestamp means that the message was sent more than five minutes ago, or that one of
	// the clocks is wrong.
	ErrWebhookTimestamp = errors.New("the message is too old, or a clock is wrong")
	// ErrWebhookSignature means that no signature is that of the secret, or that the message was
	// changed.
	ErrWebhookSignature = errors.New("no signature matches")
)

const (
	minWebhookKey = 24
	maxWebhookKey = 64
	// webhookTolerance is how far the time of a message may be from now.
	webhookTolerance = 5 * time.Minute
)

var webhookTimestamp = regexp.MustCompile(`^[0-9]{1,12}$`)

// VerifyWebhook verifies that a webhook message is authentic and recent. The secret is that of the
// webhook, "whsec_…". The body must be exactly what was received, before any parsing. The error is
// [ErrWebhookSecret], [ErrWebhookHeader], [ErrWebhookTimestamp] or [ErrWebhookSignature].
func VerifyWebhook(secret string, header http.Header, body []byte) error {
	return verifyWebhookAt(secret, header, body, time.Now())
}

func verifyWebhookAt(secret string, header http.Header, body []byte, now time.Time) error {
	encoded, hasPrefix := strings.CutPrefix(secret, "whsec_")
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !hasPrefix || err != nil || len(key) < minWebhookKey || len(key) > maxWebhookKey {
		return ErrWebhookSecret
	}
	id, timestamp := header.Get("webhook-id"), header.Get("webhook-timestamp")
	signatures := header.Get("webhook-signature")
	if id == "" || signatures == "" || !webhookTimestamp.MatchString(timestamp) {
		return ErrWebhookHeader
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return ErrWebhookHeader
	}
	age := now.Unix() - seconds
	if tolerance := int64(webhookTolerance.Seconds()); age > tolerance || age < -tolerance {
		return ErrWebhookTimestamp
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.", id, timestamp)
	mac.Write(body)
	expected := mac.Sum(nil)
	for signature := range strings.SplitSeq(signatures, " ") {
		encoded, isVersion1 := strings.CutPrefix(signature, "v1,")
		found, err := base64.StdEncoding.DecodeString(encoded)
		if isVersion1 && err == nil && hmac.Equal(found, expected) {
			return nil
		}
	}
	return ErrWebhookSignature
}
