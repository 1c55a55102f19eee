package main

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"log"
	"net/http"
)

type problem struct {
	status    int
	code      string
	message   string
	challenge string
}

var (
	malformed          = problem{http.StatusBadRequest, "malformed_request", "The request is not well-formed.", ""}
	unauthorized       = problem{http.StatusUnauthorized, "unauthorized", "A bearer token is required.", "Bearer"}
	invalidToken       = problem{http.StatusUnauthorized, "invalid_token", "The token is invalid or has expired.", `Bearer error="invalid_token"`}
	invalidCredentials = problem{http.StatusUnauthorized, "invalid_credentials", "The email or the password is wrong.", "Bearer"}
	forbidden          = problem{http.StatusForbidden, "forbidden", "This needs superuser rights.", ""}
	notFound           = problem{http.StatusNotFound, "not_found", "There is nothing here.", ""}
	validationError    = problem{http.StatusUnprocessableEntity, "validation_error", "Some values are not valid.", ""}
	rateLimited        = problem{http.StatusTooManyRequests, "rate_limited", "There were too many requests; try again later.", ""}
	internalError      = problem{http.StatusInternalServerError, "internal_error", "Something went wrong on our side.", ""}
)

type errorBody struct {
	Success   bool   `json:"success"`
	Error     string `json:"error"`
	Message   string `json:"message"`
	RequestID string `json:"request_id"`
}

func fail(w http.ResponseWriter, p problem) {
	var id [16]byte
	rand.Read(id[:])
	if p.challenge != "" {
		w.Header().Set("WWW-Authenticate", p.challenge)
	}
	if p.status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "60")
	}
	answer(w, p.status, errorBody{Error: p.code, Message: p.message, RequestID: hex.EncodeToString(id[:])})
}

// What went wrong inside is for the log, not for the client.
func broken(w http.ResponseWriter, err error) {
	log.Print(err)
	fail(w, internalError)
}

func answer(w http.ResponseWriter, status int, body any) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	// Groundwork writes <, > and & as they are.
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		log.Print(err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// Encode ends with a line break, which Groundwork does not send.
	w.Write(bytes.TrimSuffix(text.Bytes(), []byte("\n")))
}

func read(w http.ResponseWriter, r *http.Request, body any) bool {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(body); err != nil {
		fail(w, malformed)
		return false
	}
	return true
}
