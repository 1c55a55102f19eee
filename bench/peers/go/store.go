package main

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

type user struct {
	ID           int64     `json:"id"`
	Email        string    `json:"email"`
	PasswordHash string    `json:"-"`
	FullName     *string   `json:"full_name"`
	IsActive     bool      `json:"is_active"`
	IsSuperuser  bool      `json:"is_superuser"`
	IsVerified   bool      `json:"is_verified"`
	CreatedAt    time.Time `json:"created_at"`
	UpdatedAt    time.Time `json:"updated_at"`
}

// In the order of user's fields.
const columns = `users.id, users.email, users.password_hash, users.full_name, users.is_active, users.is_superuser,
	users.is_verified, users.created_at, users.updated_at`

// Where and when a session is used.
type usage struct {
	ip        string
	userAgent *string
	at        time.Time
}

type store struct {
	pool *pgxpool.Pool
}

func openStore(ctx context.Context, url string, size int) (*store, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.MaxConns = int32(size)
	config.AfterConnect = func(_ context.Context, c *pgx.Conn) error {
		// Answers tell the time in UTC.
		c.TypeMap().RegisterType(&pgtype.Type{
			Name:  "timestamptz",
			OID:   pgtype.TimestamptzOID,
			Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
		})
		return nil
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	return &store{pool}, pool.Ping(ctx)
}

// One row, or pgx.ErrNoRows.
func (s *store) user(ctx context.Context, query string, arguments ...any) (user, error) {
	rows, err := s.pool.Query(ctx, query, arguments...)
	if err != nil {
		return user{}, err
	}
	return pgx.CollectOneRow(rows, scan)
}

func scan(row pgx.CollectableRow) (u user, err error) {
	err = row.Scan(&u.ID, &u.Email, &u.PasswordHash, &u.FullName, &u.IsActive, &u.IsSuperuser, &u.IsVerified,
		&u.CreatedAt, &u.UpdatedAt)
	return u, err
}

func (s *store) bySession(ctx context.Context, session []byte, id int64, now time.Time) (user, error) {
	return s.user(ctx, `SELECT `+columns+` FROM sessions JOIN users ON users.id = sessions.user_id
		WHERE sessions.id = $1 AND sessions.user_id = $2 AND sessions.revoked_at IS NULL
		AND sessions.expires_at > $3`, session, id, now)
}

func (s *store) byEmail(ctx context.Context, email string) (user, error) {
	return s.user(ctx, `SELECT `+columns+` FROM users WHERE email = $1`, email)
}

func (s *store) rename(ctx context.Context, id int64, name *string, now time.Time) (user, error) {
	return s.user(ctx, `UPDATE users SET full_name = $2, updated_at = $3 WHERE id = $1 RETURNING `+columns,
		id, name, now)
}

func (s *store) page(ctx context.Context, after int64, limit int) ([]user, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+columns+` FROM users WHERE id > $1 ORDER BY id LIMIT $2`, after, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scan)
}

// Opens a session, unless the password was changed or the account closed while its hash was computed.
func (s *store) openSession(ctx context.Context, u user, newHash string, session, token []byte, use usage) (opened bool, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		confirmed, err := tx.Exec(ctx, `UPDATE users SET password_hash = $3
			WHERE id = $1 AND is_active AND password_hash = $2`, u.ID, u.PasswordHash, newHash)
		if err != nil || confirmed.RowsAffected() != 1 {
			return err
		}
		if _, err = tx.Exec(ctx, `DELETE FROM sessions WHERE user_id = $1 AND expires_at <= $2`, u.ID, use.at); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO sessions
			(id, user_id, token_hash, generation, ip, user_agent, created_at, last_used_at, expires_at)
			VALUES ($1, $2, $3, 0, $4, $5, $6, $6, $7)`,
			session, u.ID, token, use.ip, use.userAgent, use.at, use.at.Add(refreshLifetime))
		opened = err == nil
		return err
	})
	return opened, err
}

// Replaces the newest refresh token by its successor; of any number of racers one succeeds.
func (s *store) rotate(ctx context.Context, session []byte, id int64, presented, next []byte, use usage) (bool, error) {
	rotated, err := s.pool.Exec(ctx, `UPDATE sessions SET previous_token_hash = $3, token_hash = $4,
		generation = generation + 1, ip = $5, user_agent = $6, last_used_at = $7, expires_at = $8
		WHERE id = $1 AND user_id = $2 AND token_hash = $3 AND revoked_at IS NULL AND expires_at > $7
		AND user_id IN (SELECT id FROM users WHERE is_active)`,
		session, id, presented, next, use.ip, use.userAgent, use.at, use.at.Add(refreshLifetime))
	return rotated.RowsAffected() == 1, err
}
