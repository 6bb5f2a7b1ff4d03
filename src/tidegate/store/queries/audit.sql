-- name: audit_put
INSERT INTO audit (entry_count, entries) VALUES (:entry_count, :entries);

-- name: audit_turn
SELECT 1;

-- name: audit_unsealed
SELECT id, entries FROM audit WHERE seq IS NULL ORDER BY id LIMIT :limit;

-- name: audit_seal
UPDATE audit SET seq = :seq, hash = :hash, mac = :mac WHERE id = :id;

-- name: audit_last
SELECT seq + entry_count - 1, hash FROM audit WHERE seq IS NOT NULL ORDER BY seq DESC LIMIT 1;

-- name: audit_first
SELECT min(seq) FROM audit;

-- name: audit_page
SELECT seq, entry_count, entries, hash, mac FROM audit WHERE seq > :after ORDER BY seq LIMIT :limit;

-- name: audit_holding
SELECT seq, entry_count, entries, hash, mac FROM audit WHERE seq <= :seq ORDER BY seq DESC LIMIT 1;

-- name: audit_empty
UPDATE audit SET entries = '' WHERE seq = :seq;

-- name: audit_delete_before
DELETE FROM audit WHERE seq < :seq;
