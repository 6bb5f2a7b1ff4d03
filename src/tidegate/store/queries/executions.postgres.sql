-- name: execution_due
-- Differs: several engines; an execution that another one is ending is passed over.
SELECT thing_id, job_id, number, deadline FROM execution
WHERE deadline IS NOT NULL AND deadline <= :now ORDER BY deadline, job_id, thing_id LIMIT :limit FOR UPDATE SKIP LOCKED;
