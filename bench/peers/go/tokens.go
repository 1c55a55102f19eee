package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	accessLifetime  = 30 * time.Minute
	refreshLifetime = 7 * 24 * time.Hour
	leeway          = 5 * time.Second
)

type claims struct {
	jwt.RegisteredClaims
	Kind    string `json:"type"`
	Session string `json:"sid"`
}

type verified struct {
	user    int64
	session []byte
	tokenID string
}

type tokens struct {
	key    []byte
	keyID  string
	parser *jwt.Parser
}

func newTokens(secret string) *tokens {
	return &tokens{
		key:   []byte(secret),
		keyID: base64.RawURLEncoding.EncodeToString(digest("groundwork key id", secret)[:6]),
		parser: jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithLeeway(leeway),
			jwt.WithIssuedAt(), jwt.WithExpirationRequired()),
	}
}

func (t *tokens) verify(text, kind string) (verified, error) {
	var c claims
	if _, err := t.parser.ParseWithClaims(text, &c, t.keyFor); err != nil {
		return verified{}, err
	}
	if c.Kind != kind {
		return verified{}, errors.New("wrong type")
	}
	user, err := strconv.ParseInt(c.Subject, 10, 64)
	if err != nil {
		return verified{}, err
	}
	session, err := base64.RawURLEncoding.DecodeString(c.Session)
	if err != nil {
		return verified{}, err
	}
	return verified{user, session, c.ID}, nil
}

func (t *tokens) keyFor(token *jwt.Token) (any, error) {
	if id, given := token.Header["kid"]; given && id != t.keyID {
		return nil, errors.New("unknown key")
	}
	return t.key, nil
}

func (t *tokens) sign(kind string, user int64, session []byte, id string, issued time.Time, lifetime time.Duration) (string, error) {
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Subject:   strconv.FormatInt(user, 10),
			ExpiresAt: jwt.NewNumericDate(issued.Add(lifetime)),
			IssuedAt:  jwt.NewNumericDate(issued),
			ID:        id,
		},
		Kind:    kind,
		Session: base64.RawURLEncoding.EncodeToString(session),
	})
	token.Header["kid"] = t.keyID
	return token.SignedString(t.key)
}

type tokenPair struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"`
}

// The access token's id follows from the refresh token's.
func (t *tokens) pair(user int64, session []byte, id string, issued time.Time) (tokenPair, error) {
	access, err := t.sign("access", user, session, derived("groundwork access", id), issued, accessLifetime)
	if err != nil {
		return tokenPair{}, err
	}
	refresh, err := t.sign("refresh", user, session, id, issued, refreshLifetime)
	return tokenPair{access, refresh, "bearer", int(accessLifetime.Seconds())}, err
}

// The id of the one refresh token that follows this one.
func successor(id string) string {
	return derived("groundwork successor", id)
}

// What the database keeps instead of a refresh token.
func tokenHash(id string) []byte {
	return digest("groundwork token", id)
}

func derived(purpose, id string) string {
	return base64.RawURLEncoding.EncodeToString(digest(purpose, id)[:16])
}

func digest(purpose, text string) []byte {
	sum := sha256.Sum256([]byte(purpose + "\x00" + text))
	return sum[:]
}

func random() []byte {
	bytes := make([]byte, 16)
	rand.Read(bytes)
	return bytes
}
