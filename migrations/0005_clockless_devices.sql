-- A device whose clock was never set ranks by when its code was received: it would never be among the most recent.
--
-- The expression of a stored column cannot change without a rebuild that blocks all writers. So a virtual column takes its
-- place: adding it changes only the table's description, and its index is built while everybody goes on reading and writing.
-- In the last step the two columns and the two indexes change their names at once: code of either release finds
-- `ranked_at` and `most_recent` at all times.
--
-- Each step is skipped where it has happened: a run that was killed is simply run again.
SET @done = (
    SELECT COUNT(*) FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'Logs' AND column_name = 'ranked_at' AND extra LIKE 'VIRTUAL%'
);
SET @added = @done + (
    SELECT COUNT(*) FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'Logs' AND column_name = 'ranked_at_next'
);
SET @alter = IF(@added > 0, 'DO 0', '
    ALTER TABLE Logs
        ADD COLUMN ranked_at_next BIGINT GENERATED ALWAYS AS (
            IF(time_stamp < 1262304000, received_at, LEAST(time_stamp, received_at + 300))
        ) VIRTUAL,
        ALGORITHM = INSTANT
');
PREPARE alter_logs FROM @alter;
EXECUTE alter_logs;
SET @indexed = @done + (
    SELECT COUNT(*) FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'Logs' AND index_name = 'most_recent_next'
);
SET @alter = IF(@indexed > 0, 'DO 0', '
    ALTER TABLE Logs ADD INDEX most_recent_next (ranked_at_next), ALGORITHM = INPLACE, LOCK = NONE
');
PREPARE alter_logs FROM @alter;
EXECUTE alter_logs;
SET @alter = IF(@done > 0, 'DO 0', '
    ALTER TABLE Logs
        RENAME COLUMN ranked_at TO ranked_at_before,
        RENAME COLUMN ranked_at_next TO ranked_at,
        RENAME INDEX most_recent TO most_recent_before,
        RENAME INDEX most_recent_next TO most_recent,
        LOCK = NONE
');
PREPARE alter_logs FROM @alter;
EXECUTE alter_logs;
-- What nobody uses any more. MariaDB could drop the column only with a rebuild that blocks all writers, so it stays there.
SET @left = (
    SELECT COUNT(*) FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'Logs' AND index_name = 'most_recent_before'
);
SET @alter = IF(@left = 0, 'DO 0', 'ALTER TABLE Logs DROP INDEX most_recent_before, ALGORITHM = INPLACE, LOCK = NONE');
PREPARE alter_logs FROM @alter;
EXECUTE alter_logs;
SET @left = (
    SELECT COUNT(*) FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'Logs' AND column_name = 'ranked_at_before'
);
SET @alter = IF(@left = 0 OR VERSION() LIKE '%MariaDB%', 'DO 0', 'ALTER TABLE Logs DROP COLUMN ranked_at_before');
PREPARE alter_logs FROM @alter;
EXECUTE alter_logs;
DEALLOCATE PREPARE alter_logs;
