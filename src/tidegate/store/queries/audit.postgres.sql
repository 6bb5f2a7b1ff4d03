-- name: audit_turn
-- Differs: several servers work on one chain; the lock ends with the transaction.
SELECT 1 WHERE pg_try_advisory_xact_lock(7415023119);
