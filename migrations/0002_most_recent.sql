-- Room to grow, and an index for "the 10 most recent".
--
--   error_log_id  INT is used up in 25 days at 1,000 rows/s.
--   device_id     any Unicode, whatever character set the table was made with. (sqlx reads a _bin collation as bytes.)
--   time_stamp    INT ends in 2038.
--   received_at   Unix seconds; rows that are there get their time_stamp.
--   ranked_at     the sort key: a clock that runs ahead counts for at most five minutes.
--   most_recent   InnoDB appends the primary key, so the index serves both sort keys.
--
-- One ALTER, so that it happens whole or not at all (atomic DDL). It is skipped where it has happened: a run
-- that was killed before it was written down is simply run again.
SET @done = (
    SELECT COUNT(*) FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'Logs' AND column_name = 'ranked_at'
);
SET @alter = IF(@done > 0, 'DO 0', '
    ALTER TABLE Logs
        MODIFY error_log_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
        MODIFY device_id VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci NOT NULL,
        MODIFY time_stamp BIGINT NOT NULL,
        ADD COLUMN received_at BIGINT NOT NULL DEFAULT (time_stamp),
        ADD COLUMN ranked_at BIGINT GENERATED ALWAYS AS (LEAST(time_stamp, received_at + 300)) STORED,
        ADD INDEX most_recent (ranked_at)
');
PREPARE alter_logs FROM @alter;
EXECUTE alter_logs;
DEALLOCATE PREPARE alter_logs;
-- From here on: now. (The default above filled in the rows that were there.)
ALTER TABLE Logs ALTER COLUMN received_at SET DEFAULT (UNIX_TIMESTAMP());
