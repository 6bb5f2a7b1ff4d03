-- name: ownership_token_insert
INSERT INTO ownership_token (digest, scope_id, certificate_id, owner, expires_at)
VALUES (:digest, :scope, :certificate, :owner, :expires_at);

-- name: ownership_token_get
SELECT t.certificate_id, t.owner, t.expires_at, c.certificate_id
FROM ownership_token t JOIN certificate c ON c.id = t.certificate_id
WHERE t.digest = :digest AND t.scope_id = :scope;

-- name: ownership_token_count
SELECT count(*) FROM (SELECT 1 FROM ownership_token WHERE scope_id = :scope LIMIT :most) t;

-- name: ownership_token_oldest
SELECT digest, certificate_id FROM ownership_token WHERE scope_id = :scope ORDER BY expires_at LIMIT :limit;

-- name: ownership_token_next
SELECT min(expires_at) FROM ownership_token;

-- name: ownership_token_expired
SELECT digest, certificate_id FROM ownership_token WHERE expires_at <= :now ORDER BY expires_at LIMIT :limit;

-- name: ownership_token_delete
DELETE FROM ownership_token WHERE digest = :digest;

-- name: certificate_delete_unclaimed
DELETE FROM certificate
WHERE id = :id AND status = 'PENDING_ACTIVATION'
  AND NOT EXISTS (SELECT 1 FROM thing_principal p WHERE p.certificate_id = :id)
RETURNING scope_id, certificate_id;

-- name: provisioning_claim_insert
INSERT INTO provisioning_claim (scope_id, certificate_id, template_id, pem, not_before, not_after, expires_at)
VALUES (:scope, :certificate_id, :template, :pem, :not_before, :not_after, :expires_at);

-- name: provisioning_claim_get
SELECT c.scope_id, s.account, s.region, c.certificate_id, c.pem, c.not_before, c.not_after, c.expires_at, t.name
FROM provisioning_claim c JOIN scope s ON s.id = c.scope_id JOIN provisioning_template t ON t.id = c.template_id
WHERE c.certificate_id = :certificate_id;

-- name: provisioning_claim_count
SELECT count(*) FROM (SELECT 1 FROM provisioning_claim WHERE scope_id = :scope LIMIT :most) t;

-- name: provisioning_claim_oldest
SELECT id, scope_id, certificate_id FROM provisioning_claim WHERE scope_id = :scope ORDER BY expires_at LIMIT :limit;

-- name: provisioning_claim_next
SELECT min(expires_at) FROM provisioning_claim;

-- name: provisioning_claim_expired
SELECT id, scope_id, certificate_id FROM provisioning_claim
WHERE expires_at <= :now ORDER BY expires_at LIMIT :limit;

-- name: provisioning_claim_delete
DELETE FROM provisioning_claim WHERE id = :id;

-- name: provisioning_claim_of_template
SELECT id, scope_id, certificate_id FROM provisioning_claim WHERE template_id = :template;
