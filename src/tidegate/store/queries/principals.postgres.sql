-- name: principal_standing
-- Differs: its functions for JSON.
SELECT p.arn, p.tags, c.name, c.document
FROM jsonb_array_elements_text(CAST(:arns AS jsonb)) AS w (value)
JOIN principal p ON p.arn = w.value COLLATE "C"
LEFT JOIN principal_policy c ON c.principal_id = p.id ORDER BY p.arn, c.name;
