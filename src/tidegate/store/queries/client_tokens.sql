-- name: client_token_get
SELECT digest, response FROM client_token
WHERE scope_id = :scope AND operation = :operation AND token = :token AND created_at > :since;

-- name: client_token_put
INSERT INTO client_token (scope_id, operation, token, digest, response, created_at)
VALUES (:scope, :operation, :token, :digest, :response, :now)
ON CONFLICT (scope_id, operation, token) DO UPDATE
SET digest = excluded.digest, response = excluded.response, created_at = excluded.created_at;

-- name: client_token_forget
DELETE FROM client_token WHERE created_at <= :until;
