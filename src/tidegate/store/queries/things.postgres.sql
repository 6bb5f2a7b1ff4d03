-- name: thing_ids
-- Differs: its functions for JSON.
SELECT t.name, t.id FROM jsonb_array_elements_text(CAST(:names AS jsonb)) AS w (value)
JOIN thing t ON t.scope_id = :scope AND t.name = w.value COLLATE "C" AND t.deleted_at IS NULL;
