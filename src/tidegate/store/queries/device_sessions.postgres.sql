-- name: device_session_get_all
-- Differs: its functions for JSON.
SELECT d.key_id, d.secret, d.token_digest, d.principal, d.scope_id, d.certificate_id, d.thing_name, d.thing_type,
  d.expires_at
FROM jsonb_array_elements_text(CAST(:key_ids AS jsonb)) AS w (value)
JOIN device_session d ON d.key_id = w.value COLLATE "C"
JOIN certificate c ON c.scope_id = d.scope_id AND c.certificate_id = d.certificate_id
JOIN principal p ON p.arn = d.principal
WHERE c.status = 'ACTIVE' AND p.device_session_s > 0;
