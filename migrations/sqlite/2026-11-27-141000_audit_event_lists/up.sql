-- Events are listed by time, the newest first: all, of one user, by one actor, of one kind. The second replaces the index
-- on the user alone.
CREATE INDEX audit_events_occurred_at_idx ON audit_events (occurred_at, id);
CREATE INDEX audit_events_user_id_occurred_at_idx ON audit_events (user_id, occurred_at, id);
CREATE INDEX audit_events_actor_id_occurred_at_idx ON audit_events (actor_id, occurred_at, id);
CREATE INDEX audit_events_kind_occurred_at_idx ON audit_events (kind, occurred_at, id);
DROP INDEX audit_events_user_id_idx;
