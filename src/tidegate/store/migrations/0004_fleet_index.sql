-- The fleet index: what is indexed, who is connected, and the groups whose members are found by a query.

-- The configuration of AWS_Things and of AWS_ThingGroups, as it was given.
CREATE TABLE fleet_index (
  scope_id BIGINT NOT NULL,
  index_name @name@ NOT NULL,
  config TEXT NOT NULL,
  PRIMARY KEY (scope_id, index_name)
) @flat@;

-- What a thing's latest connection was or is. at is epoch milliseconds, durations are seconds.
CREATE TABLE thing_connectivity (
  thing_id BIGINT PRIMARY KEY,
  connected BIGINT NOT NULL,
  at BIGINT NOT NULL,
  disconnect_reason TEXT,
  keep_alive BIGINT,
  clean_session BIGINT,
  session_expiry BIGINT,
  client_id TEXT
);

-- A thing group whose members are those a query finds. While it is being filled, walked_to is the name of the last thing
-- that was looked at, due_at is when the engine goes on, and waited_since whom it waits for first (PostgreSQL's clock).
CREATE TABLE dynamic_group (
  group_id BIGINT PRIMARY KEY,
  scope_id BIGINT NOT NULL,
  query TEXT NOT NULL,
  status TEXT NOT NULL,
  walked_to @name@,
  waited_since BIGINT,
  due_at BIGINT
);
CREATE INDEX dynamic_group_by_scope ON dynamic_group (scope_id, group_id);
CREATE INDEX dynamic_group_by_due ON dynamic_group (due_at, group_id) WHERE due_at IS NOT NULL;
