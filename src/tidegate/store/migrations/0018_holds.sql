-- Jobs that are held, and the ends that their abort criteria no longer count.
ALTER TABLE job ADD COLUMN hold TEXT;
