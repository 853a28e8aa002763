-- The ledger: which batches were stored under an idempotency key. Its row and the logs commit in one transaction, so
-- that a batch which is sent again under its key is found, and not stored again.
--
--   batch_key    the key as the client sent it: 1 to 64 visible ASCII characters.
--   fingerprint  SHA-256 of what the batch said; another batch under the same key is refused.
--   accepted     how many logs were stored.
--   stored_by    a random number of the request that did it, which so knows its own COMMIT again.
--   received_at  Unix seconds; the index is for retention, which deletes the oldest.
CREATE TABLE IF NOT EXISTS Batches (
    batch_key VARBINARY(64) NOT NULL,
    fingerprint BINARY(32) NOT NULL,
    accepted INT UNSIGNED NOT NULL,
    stored_by BINARY(16) NOT NULL,
    received_at BIGINT NOT NULL,
    PRIMARY KEY (batch_key),
    INDEX oldest (received_at)
) ENGINE = InnoDB;
-- A table that was adopted may be of an engine that knows no transactions.
SET @alter = (
    SELECT IF(engine = 'InnoDB', 'DO 0', 'ALTER TABLE Logs ENGINE = InnoDB') FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'Logs'
);
PREPARE alter_logs FROM @alter;
EXECUTE alter_logs;
DEALLOCATE PREPARE alter_logs;
