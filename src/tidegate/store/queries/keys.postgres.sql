-- name: key_get_all
-- Differs: its functions for JSON.
SELECT k.key_id, k.secret, k.principal, k.status, k.last_used_at, k.expires_at, k.token_digest, k.session_policy
FROM jsonb_array_elements_text(CAST(:key_ids AS jsonb)) AS w (value)
JOIN access_key k ON k.key_id = w.value COLLATE "C";
