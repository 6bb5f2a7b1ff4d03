-- name: dynamic_group_claim_due
-- Differs: several engines fill groups at once, each one of its own.
SELECT d.group_id, d.scope_id, g.name, g.uuid, d.query, d.status, d.walked_to, d.waited_since
FROM dynamic_group d JOIN thing_group g ON g.id = d.group_id WHERE d.due_at <= :now ORDER BY d.due_at, d.group_id
LIMIT 1 FOR UPDATE OF d SKIP LOCKED;

-- name: dynamic_group_clock
-- Differs: works run at once, and those under way do not know of a group that is just being made. This is no instant of
-- the service's clock: it is only ever compared with when the server's own transactions began.
SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT);

-- name: dynamic_group_awaited
-- Differs: see dynamic_group_clock.
SELECT 1 FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
  AND CAST(extract(epoch FROM xact_start) * 1000000 AS BIGINT) <= :since LIMIT 1;

-- name: dynamic_group_take_thing
-- Differs: who finds out which groups a thing belongs to writes its row first, so that of two who do so at once the later
-- sees what the earlier did: it waits for it, or (SERIALIZABLE) is run again.
UPDATE thing SET version = version WHERE id = :thing AND deleted_at IS NULL RETURNING id;
