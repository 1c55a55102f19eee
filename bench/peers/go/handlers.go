package main

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"golang.org/x/crypto/bcrypt"
)

type health struct {
	Status  string `json:"status"`
	Version string `json:"version"`
}

func live(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, health{"ok", "1.1.0"})
}

type callerKey struct{}

func caller(r *http.Request) user {
	return r.Context().Value(callerKey{}).(user)
}

func (s *server) authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, found := bearer(r)
		if !found {
			fail(w, unauthorized)
			return
		}
		token, err := s.tokens.verify(text, "access")
		if err != nil {
			fail(w, invalidToken)
			return
		}
		u, err := s.store.bySession(r.Context(), token.session, token.user, time.Now())
		if errors.Is(err, pgx.ErrNoRows) || err == nil && !u.IsActive {
			fail(w, invalidToken)
		} else if err != nil {
			broken(w, err)
		} else {
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, u)))
		}
	})
}

func bearer(r *http.Request) (string, bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.Trim(token, " "), strings.EqualFold(scheme, "bearer")
}

func superusersOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !caller(r).IsSuperuser {
			fail(w, forbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func me(w http.ResponseWriter, r *http.Request) {
	answer(w, http.StatusOK, caller(r))
}

type profile struct {
	FullName json.RawMessage `json:"full_name"`
}

func (s *server) updateMe(w http.ResponseWriter, r *http.Request) {
	var body profile
	if !read(w, r, &body) {
		return
	}
	name, valid := fullName(body.FullName)
	if !valid {
		fail(w, validationError)
		return
	}
	u, err := s.store.rename(r.Context(), caller(r).ID, name, time.Now())
	if errors.Is(err, pgx.ErrNoRows) {
		fail(w, invalidToken)
	} else if err != nil {
		broken(w, err)
	} else {
		answer(w, http.StatusOK, u)
	}
}

// A name, or null to clear it.
func fullName(text json.RawMessage) (*string, bool) {
	var name *string
	if err := json.Unmarshal(text, &name); err != nil || name == nil {
		return nil, err == nil
	}
	*name = strings.TrimSpace(*name)
	length := utf8.RuneCountInString(*name)
	return name, 1 <= length && length <= 255 && !strings.ContainsFunc(*name, unicode.IsControl)
}

type userPage struct {
	Items    []user  `json:"items"`
	NextPage *string `json:"next_page"`
}

func (s *server) list(w http.ResponseWriter, r *http.Request) {
	limit, after, err := pageOf(r)
	if err != nil {
		fail(w, validationError)
		return
	}
	// One more than asked for tells whether there is a next page.
	items, err := s.store.page(r.Context(), after, limit+1)
	if err != nil {
		broken(w, err)
		return
	}
	page := userPage{Items: items}
	if len(items) > limit {
		page.Items = items[:limit]
		last := binary.BigEndian.AppendUint64(nil, uint64(items[limit-1].ID))
		next := base64.RawURLEncoding.EncodeToString(last)
		page.NextPage = &next
	}
	answer(w, http.StatusOK, page)
}

func pageOf(r *http.Request) (limit int, after int64, err error) {
	query := r.URL.Query()
	limit = 20
	if text := query.Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > 100 {
			return 0, 0, fmt.Errorf("limit %q", text)
		}
	}
	if text := query.Get("page_token"); text != "" {
		token, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil || len(token) != 8 {
			return 0, 0, fmt.Errorf("page_token %q", text)
		}
		after = int64(binary.BigEndian.Uint64(token))
	}
	return limit, after, nil
}

type credentials struct {
	Email    string `json:"email"`
	Password string `json:"password"`
}

func (s *server) login(w http.ResponseWriter, r *http.Request) {
	var body credentials
	if !read(w, r, &body) {
		return
	}
	if body.Email == "" || body.Password == "" {
		fail(w, validationError)
		return
	}
	u, err := s.store.byEmail(r.Context(), strings.ToLower(strings.TrimSpace(body.Email)))
	if errors.Is(err, pgx.ErrNoRows) {
		// An unknown address takes the same work; no password has this hash.
		u.PasswordHash = fmt.Sprintf("$2b$%02d$abcdefghijklmnopqrstuu0123456789ABCDEFGHIJKLMNOPQRSTO", s.rounds)
	} else if err != nil {
		broken(w, err)
		return
	}
	err = bcrypt.CompareHashAndPassword([]byte(u.PasswordHash), []byte(body.Password))
	if err != nil || !u.IsActive {
		fail(w, invalidCredentials)
		return
	}
	hash, err := s.current(u.PasswordHash, body.Password)
	if err != nil {
		broken(w, err)
		return
	}
	session, id, use := random(), base64.RawURLEncoding.EncodeToString(random()), usageOf(r)
	opened, err := s.store.openSession(r.Context(), u, hash, session, tokenHash(id), use)
	if err != nil {
		broken(w, err)
	} else if !opened {
		fail(w, invalidCredentials)
	} else {
		s.answerPair(w, u.ID, session, id, use.at)
	}
}

// The hash with the present number of rounds.
func (s *server) current(hash, password string) (string, error) {
	if cost, err := bcrypt.Cost([]byte(hash)); err != nil || cost == s.rounds {
		return hash, err
	}
	renewed, err := bcrypt.GenerateFromPassword([]byte(password), s.rounds)
	return string(renewed), err
}

type refreshRequest struct {
	RefreshToken string `json:"refresh_token"`
}

func (s *server) refresh(w http.ResponseWriter, r *http.Request) {
	var body refreshRequest
	if !read(w, r, &body) {
		return
	}
	token, err := s.tokens.verify(body.RefreshToken, "refresh")
	if err != nil {
		fail(w, invalidToken)
		return
	}
	next, use := successor(token.tokenID), usageOf(r)
	rotated, err := s.store.rotate(r.Context(), token.session, token.user, tokenHash(token.tokenID), tokenHash(next), use)
	if err != nil {
		broken(w, err)
	} else if !rotated {
		fail(w, invalidToken)
	} else {
		s.answerPair(w, token.user, token.session, next, use.at)
	}
}

func (s *server) answerPair(w http.ResponseWriter, user int64, session []byte, id string, issued time.Time) {
	pair, err := s.tokens.pair(user, session, id, issued)
	if err != nil {
		broken(w, err)
		return
	}
	answer(w, http.StatusOK, pair)
}

func usageOf(r *http.Request) usage {
	use := usage{ip: clientIP(r), at: time.Now()}
	if agent := r.UserAgent(); agent != "" {
		agent = strings.ToValidUTF8(agent, "")
		use.userAgent = &agent
	}
	return use
}

func clientIP(r *http.Request) string {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	return host
}
