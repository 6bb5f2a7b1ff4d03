-- What a job's document was and what devices get, beside the text that the control plane shows.

-- The document before anything was put in place of its placeholders; null if nothing was.
ALTER TABLE job_document ADD COLUMN before TEXT;

-- The document cut at its presigned URLs, JSON; null if it has none, and is handed to devices as it is.
ALTER TABLE job_document ADD COLUMN delivery TEXT;
