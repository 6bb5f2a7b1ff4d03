-- name: mqtt_session_put
INSERT INTO mqtt_session (node, id, scope_id, client_id, level, expiry_s, expires_at)
VALUES (:node, :id, :scope, :client_id, :level, :expiry_s, :expires_at)
ON CONFLICT (node, id) DO UPDATE SET expiry_s = excluded.expiry_s, expires_at = excluded.expires_at;

-- name: mqtt_session_list
SELECT m.id, s.account, s.region, m.client_id, m.level, m.expiry_s, m.expires_at
FROM mqtt_session m JOIN scope s ON s.id = m.scope_id
WHERE m.node = :node AND m.id > :after ORDER BY m.id LIMIT :limit;

-- name: mqtt_session_take
DELETE FROM mqtt_session WHERE node = :node AND id >= :first AND id <= :last RETURNING id;

-- name: mqtt_session_nodes
SELECT node FROM mqtt_session WHERE node > :after ORDER BY node LIMIT 1;

-- name: mqtt_session_delete
DELETE FROM mqtt_session WHERE node = :node AND id = :id;

-- name: mqtt_subscription_put
INSERT INTO mqtt_subscription (node, session_id, filter, options) VALUES (:node, :session, :filter, :options)
ON CONFLICT (node, session_id, filter) DO UPDATE SET options = excluded.options;

-- name: mqtt_subscription_list
SELECT session_id, filter, options FROM mqtt_subscription
WHERE node = :node AND session_id >= :first AND session_id <= :last ORDER BY session_id, filter;

-- name: mqtt_subscription_delete
DELETE FROM mqtt_subscription WHERE node = :node AND session_id = :session AND filter = :filter;

-- name: mqtt_subscription_take
DELETE FROM mqtt_subscription WHERE node = :node AND session_id >= :first AND session_id <= :last;

-- name: mqtt_subscription_clear
DELETE FROM mqtt_subscription WHERE node = :node AND session_id = :session;

-- name: mqtt_message_put
INSERT INTO mqtt_message (node, session_id, id, topic, payload, retain, properties, expires_at, newest_only)
VALUES (:node, :session, :id, :topic, :payload, :retain, :properties, :expires_at, :newest_only)
ON CONFLICT DO NOTHING;

-- name: mqtt_message_list
SELECT session_id, id, topic, payload, retain, properties, expires_at, newest_only FROM mqtt_message
WHERE node = :node AND session_id >= :first AND session_id <= :last ORDER BY session_id, id;

-- name: mqtt_message_move
UPDATE mqtt_message SET node = :to_node, session_id = :to_session, id = :to_id
WHERE node = :node AND session_id = :session AND id = :id;

-- name: mqtt_message_delete
DELETE FROM mqtt_message WHERE node = :node AND session_id = :session AND id = :id;

-- name: mqtt_message_clear
DELETE FROM mqtt_message WHERE node = :node AND session_id = :session;

-- name: mqtt_retained_put
INSERT INTO mqtt_retained (scope_id, topic, payload, qos, properties, expires_at, retained_at)
VALUES (:scope, :topic, :payload, :qos, :properties, :expires_at, :retained_at)
ON CONFLICT (scope_id, topic) DO UPDATE SET payload = excluded.payload, qos = excluded.qos,
  properties = excluded.properties, expires_at = excluded.expires_at, retained_at = excluded.retained_at;

-- name: mqtt_retained_list
SELECT s.account, s.region, r.scope_id, r.topic, r.payload, r.qos, r.properties, r.expires_at, r.retained_at
FROM mqtt_retained r JOIN scope s ON s.id = r.scope_id
WHERE (r.scope_id = :scope AND r.topic > :after) OR r.scope_id > :scope ORDER BY r.scope_id, r.topic LIMIT :limit;

-- name: mqtt_retained_delete
DELETE FROM mqtt_retained WHERE scope_id = :scope AND topic = :topic;
