-- name: course_end
SELECT queued_at, thing_id, number FROM execution
WHERE job_id = :job AND (queued_at, thing_id, number) > (:queued_at, :thing, :number)
ORDER BY queued_at, thing_id, number LIMIT 1 OFFSET :skip;

-- name: course_counts
SELECT status, (queued_at - :since) / :width, (started_at - :since) / :width, (updated_at - :since) / :width, count(*)
FROM execution
WHERE job_id = :job AND (queued_at, thing_id, number) > (:queued_at, :thing, :number)
  AND (queued_at, thing_id, number) <= (:queued_at_end, :thing_end, :number_end)
GROUP BY 1, 2, 3, 4;

-- name: course_failed
SELECT t.name FROM execution e JOIN thing t ON t.id = e.thing_id
WHERE e.job_id = :job AND (e.queued_at, e.thing_id, e.number) > (:queued_at, :thing, :number)
  AND (e.queued_at, e.thing_id, e.number) <= (:queued_at_end, :thing_end, :number_end) AND e.status IN (3, 4, 5)
  AND t.deleted_at IS NULL AND NOT EXISTS (
    SELECT 1 FROM execution l WHERE l.thing_id = e.thing_id AND l.job_id = e.job_id AND l.number > e.number)
ORDER BY e.queued_at, e.thing_id, e.number;

-- name: course_reasons
SELECT e.status, d.details, count(*)
FROM execution e
LEFT JOIN execution_details d ON d.thing_id = e.thing_id AND d.job_id = e.job_id AND d.number = e.number
WHERE e.job_id = :job AND (e.queued_at, e.thing_id, e.number) > (:queued_at, :thing, :number)
  AND (e.queued_at, e.thing_id, e.number) <= (:queued_at_end, :thing_end, :number_end) AND e.status IN (3, 4, 5)
GROUP BY e.status, d.details LIMIT :limit;
