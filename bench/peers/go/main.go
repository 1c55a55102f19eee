// The endpoints of Groundwork that the benchmark asks for, as a Go service would have them.
package main

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/redis/go-redis/v9"
)

type server struct {
	store  *store
	tokens *tokens
	rounds int
}

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	secret := os.Getenv("JWT_SECRET_KEY")
	if secret == "" {
		return errors.New("JWT_SECRET_KEY is not set")
	}
	poolSize, err := number("DB_POOL_SIZE", 10)
	if err != nil {
		return err
	}
	rounds, err := number("BCRYPT_ROUNDS", 12)
	if err != nil {
		return err
	}
	perMinute, err := number("RATE_LIMIT_PER_MINUTE", 0)
	if err != nil {
		return err
	}
	store, err := openStore(ctx, os.Getenv("DATABASE_URL"), poolSize)
	if err != nil {
		return err
	}
	defer store.pool.Close()
	s := &server{store: store, tokens: newTokens(secret), rounds: rounds}

	var limit *limiter
	if address := os.Getenv("REDIS_URL"); address != "" && perMinute > 0 {
		options, err := redis.ParseURL(address)
		if err != nil {
			return err
		}
		limit = &limiter{client: redis.NewClient(options), perMinute: int64(perMinute)}
		defer limit.client.Close()
	}

	web := &http.Server{
		Addr:              net.JoinHostPort("127.0.0.1", os.Getenv("PORT")),
		Handler:           s.routes(limit),
		ReadHeaderTimeout: 10 * time.Second,
	}
	go func() {
		<-ctx.Done()
		last, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = web.Shutdown(last)
	}()
	if err := web.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func number(name string, otherwise int) (int, error) {
	text := os.Getenv(name)
	if text == "" {
		return otherwise, nil
	}
	return strconv.Atoi(text)
}

func (s *server) routes(limit *limiter) http.Handler {
	r := chi.NewRouter()
	r.Use(middleware.Recoverer)
	r.NotFound(func(w http.ResponseWriter, _ *http.Request) { fail(w, notFound) })
	r.Route("/api/v1", func(r chi.Router) {
		r.Get("/health/live", live)
		r.Post("/auth/login", s.login)
		r.Post("/auth/refresh", s.refresh)
		r.Group(func(r chi.Router) {
			if limit != nil {
				r.Use(limit.count)
			}
			r.Use(s.authenticate)
			r.Get("/users/me", me)
			r.Patch("/users/me", s.updateMe)
			r.With(superusersOnly).Get("/users", s.list)
		})
	})
	return r
}
