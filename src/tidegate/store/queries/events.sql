-- name: event_switch_put
INSERT INTO event_switch (scope_id, event_type, enabled, created_at, updated_at)
VALUES (:scope, :event_type, :enabled, :now, :now)
ON CONFLICT (scope_id, event_type) DO UPDATE SET enabled = excluded.enabled, updated_at = excluded.updated_at;

-- name: event_switch_list
SELECT event_type, enabled, created_at, updated_at FROM event_switch WHERE scope_id = :scope ORDER BY event_type;

-- name: event_switch_on
SELECT 1 FROM event_switch WHERE scope_id = :scope AND event_type = :event_type AND enabled = 1;

-- name: event_switch_on_for_job
SELECT 1 FROM event_switch e JOIN job j ON j.scope_id = e.scope_id
WHERE j.id = :job AND e.event_type = 'JOB_EXECUTION' AND e.enabled = 1;

-- name: event_put
INSERT INTO event_outbox (scope_id, topic, message) VALUES (:scope, :topic, :message);

-- name: event_put_of_thing
INSERT INTO event_outbox (scope_id, topic, thing_name, message)
SELECT scope_id, CAST(:topic AS TEXT), name, CAST(:message AS TEXT) FROM thing WHERE id = :thing;

-- name: event_put_message
INSERT INTO event_outbox (scope_id, topic, message, payload, content_type, expires_at)
VALUES (:scope, :topic, '', :payload, :content_type, :expires_at);

-- name: event_list
SELECT e.id, s.account, s.region, e.topic, e.thing_name, e.message, e.payload, e.content_type, e.expires_at
FROM event_outbox e JOIN scope s ON s.id = e.scope_id
WHERE e.id > :after ORDER BY e.id LIMIT :limit;

-- name: event_last
SELECT max(id) FROM event_outbox;

-- name: event_delete
DELETE FROM event_outbox WHERE id = :id;
