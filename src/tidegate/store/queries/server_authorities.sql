-- name: server_authority_put
INSERT INTO server_authority (fingerprint, pem) VALUES (:fingerprint, :pem) ON CONFLICT DO NOTHING;

-- name: server_authority_list
SELECT id, pem FROM server_authority WHERE id > :after ORDER BY id LIMIT :limit;
