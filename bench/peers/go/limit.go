package main

import (
	"encoding/hex"
	"log"
	"net/http"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

const window = time.Minute

type limiter struct {
	client    *redis.Client
	perMinute int64
}

// Counts requests that bring a bearer token, by client and path, in a window that slides.
func (l *limiter) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, found := bearer(r); !found {
			next.ServeHTTP(w, r)
			return
		}
		now := time.Now()
		key := "ratelimit:" + clientIP(r) + ":" + r.URL.Path
		oldest := strconv.FormatInt(now.Add(-window).UnixMicro(), 10)
		pipeline := l.client.Pipeline()
		pipeline.ZRemRangeByScore(r.Context(), key, "-inf", oldest)
		// Two requests of one microsecond are two members.
		pipeline.ZAdd(r.Context(), key, redis.Z{Score: float64(now.UnixMicro()), Member: hex.EncodeToString(random())})
		counted := pipeline.ZCard(r.Context(), key)
		pipeline.Expire(r.Context(), key, window)
		if _, err := pipeline.Exec(r.Context()); err != nil {
			// Without Redis there is no limit, but there is an answer.
			log.Print(err)
		} else if counted.Val() > l.perMinute {
			fail(w, rateLimited)
			return
		}
		next.ServeHTTP(w, r)
	})
}
