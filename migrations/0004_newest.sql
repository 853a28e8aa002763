-- An index on `received_at`: GET's `as_of` is its last entry, retention deletes from its first one on.
--
-- Made while everybody goes on reading and writing. Skipped where an index that begins with the column is there: a run
-- that was killed before it was written down is simply run again.
SET @done = (
    SELECT COUNT(*) FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'Logs' AND column_name = 'received_at' AND seq_in_index = 1
);
SET @alter = IF(@done > 0, 'DO 0', 'ALTER TABLE Logs ADD INDEX newest (received_at), ALGORITHM = INPLACE, LOCK = NONE');
PREPARE alter_logs FROM @alter;
EXECUTE alter_logs;
DEALLOCATE PREPARE alter_logs;
