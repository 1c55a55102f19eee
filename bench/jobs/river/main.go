// Enqueues and runs jobs that do nothing, with River.
package main

import (
	"context"
	"log"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

type nothing struct {
	Number int64 `json:"number"`
}

func (nothing) Kind() string { return "nothing" }

type counter struct {
	river.WorkerDefaults[nothing]
	left *atomic.Int64
	done chan struct{}
}

func (c *counter) Work(context.Context, *river.Job[nothing]) error {
	if c.left.Add(-1) == 0 {
		close(c.done)
	}
	return nil
}

func main() {
	ctx := context.Background()
	config, err := pgxpool.ParseConfig(os.Getenv("DATABASE_URL"))
	check(err)
	config.MaxConns = 16
	pool, err := pgxpool.NewWithConfig(ctx, config)
	check(err)
	defer pool.Close()
	driver := riverpgxv5.New(pool)
	if os.Args[1] == "setup" {
		migrator, err := rivermigrate.New(driver, nil)
		check(err)
		_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
		check(err)
		return
	}
	count, err := strconv.ParseInt(os.Args[2], 10, 64)
	check(err)
	concurrency, err := strconv.Atoi(os.Args[3])
	check(err)
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	if os.Args[1] == "enqueue" {
		client, err := river.NewClient(driver, &river.Config{Logger: logger})
		check(err)
		enqueue(ctx, client.Insert, count, concurrency)
		return
	}
	left := &atomic.Int64{}
	left.Store(count)
	counter := &counter{left: left, done: make(chan struct{})}
	workers := river.NewWorkers()
	river.AddWorker(workers, counter)
	client, err := river.NewClient(driver, &river.Config{
		Logger:  logger,
		Queues:  map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: concurrency}},
		Workers: workers,
	})
	check(err)
	check(client.Start(ctx))
	<-counter.done
	check(client.Stop(ctx))
}

// One transaction per job.
func enqueue[R any](ctx context.Context, insert func(context.Context, river.JobArgs, *river.InsertOpts) (R, error), count int64, concurrency int) {
	var next atomic.Int64
	var group sync.WaitGroup
	for range concurrency {
		group.Go(func() {
			for number := next.Add(1); number <= count; number = next.Add(1) {
				_, err := insert(ctx, nothing{Number: number}, nil)
				check(err)
			}
		})
	}
	group.Wait()
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
