-- name: device_session_insert
INSERT INTO device_session
  (key_id, secret, token_digest, principal, scope_id, certificate_id, thing_name, thing_type, created_at, expires_at)
VALUES
  (:key_id, :secret, :token_digest, :principal, :scope, :certificate_id, :thing_name, :thing_type, :now, :expires_at);

-- name: device_session_get_all
SELECT d.key_id, d.secret, d.token_digest, d.principal, d.scope_id, d.certificate_id, d.thing_name, d.thing_type,
  d.expires_at
FROM json_each(:key_ids) w CROSS JOIN device_session d ON d.key_id = w.value
JOIN certificate c ON c.scope_id = d.scope_id AND c.certificate_id = d.certificate_id
JOIN principal p ON p.arn = d.principal
WHERE c.status = 'ACTIVE' AND p.device_session_s > 0;

-- name: device_session_ids
SELECT key_id FROM device_session ORDER BY id DESC LIMIT :most;

-- name: device_session_secrets
SELECT key_id, secret FROM device_session ORDER BY id;

-- name: device_session_set_secret
UPDATE device_session SET secret = :secret WHERE key_id = :key_id;

-- name: device_session_delete_surplus
DELETE FROM device_session WHERE id IN (
  SELECT id FROM device_session WHERE scope_id = :scope AND certificate_id = :certificate_id
  ORDER BY id DESC LIMIT :limit OFFSET :most
);

-- name: device_session_delete_ended
DELETE FROM device_session WHERE expires_at < :before;
