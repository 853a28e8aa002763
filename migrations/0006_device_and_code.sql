-- The logs of one device, and of one code, most recent first. Both indexes are built in one pass, while everybody goes on
-- reading and writing. Whoever does not want what they cost each INSERT may drop them afterwards: get-logs then says 501.
--
-- Skipped where it has happened: a run that was killed is simply run again.
SET @indexed = (
    SELECT COUNT(*) FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'Logs' AND index_name = 'of_device'
);
SET @alter = IF(@indexed > 0, 'DO 0', '
    ALTER TABLE Logs
        ADD INDEX of_device (device_id, ranked_at),
        ADD INDEX of_code (error_number, ranked_at),
        ALGORITHM = INPLACE, LOCK = NONE
');
PREPARE alter_logs FROM @alter;
EXECUTE alter_logs;
DEALLOCATE PREPARE alter_logs;
