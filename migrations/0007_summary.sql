-- The summary of the codes, which `summarize` keeps: it reads what is new in `Logs`, so a POST pays nothing for it.
--
--   Codes        each code that was ever counted: how many logs, first and last received (Unix seconds). `day` and
--                `week`: how many logs in the last 24 and 168 hours; their indexes rank the codes.
--   Code_Hours   for each code and hour (hours since 1970, by received_at): how many logs, and a HyperLogLog sketch of
--                the devices. `counts` ranks the codes of any other number of hours without reading the sketches.
--   Summary_State  one row. All logs up to `counted_to` are counted, except those in `Summary_Gaps`. A log up to
--                `known_to` was there before the summary: its code is not new. `as_of`: the newest received_at counted.
--                `window_hour`: the last hour of `day` and `week`. `complete_at`: when all logs were counted last. `rebuilding`: old counts are being deleted.
--   Summary_Gaps   ids that were not there when the summary passed them: of transactions that committed later, or never.
--   New_Codes    codes to announce. A run claims them before it sends, so that none is announced twice.
CREATE TABLE IF NOT EXISTS Codes (
    error_code INT NOT NULL,
    logs BIGINT UNSIGNED NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    day BIGINT NOT NULL,
    week BIGINT NOT NULL,
    PRIMARY KEY (error_code),
    INDEX by_day (day DESC),
    INDEX by_week (week DESC)
) ENGINE = InnoDB;
CREATE TABLE IF NOT EXISTS Code_Hours (
    hour INT NOT NULL,
    error_code INT NOT NULL,
    logs BIGINT UNSIGNED NOT NULL,
    devices BLOB NOT NULL,
    PRIMARY KEY (error_code, hour),
    INDEX counts (hour, error_code, logs)
) ENGINE = InnoDB;
CREATE TABLE IF NOT EXISTS Summary_Gaps (
    first_id BIGINT UNSIGNED NOT NULL,
    last_id BIGINT UNSIGNED NOT NULL,
    found_at BIGINT NOT NULL,
    PRIMARY KEY (first_id)
) ENGINE = InnoDB;
CREATE TABLE IF NOT EXISTS New_Codes (
    error_code INT NOT NULL,
    device_id VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci NOT NULL,
    received_at BIGINT NOT NULL,
    claimed_by BINARY(16) NULL,
    claimed_at BIGINT NULL,
    PRIMARY KEY (error_code)
) ENGINE = InnoDB;
CREATE TABLE IF NOT EXISTS Summary_State (
    id TINYINT NOT NULL,
    counted_to BIGINT UNSIGNED NOT NULL,
    known_to BIGINT UNSIGNED NOT NULL,
    as_of BIGINT NULL,
    window_hour BIGINT NOT NULL,
    complete_at BIGINT NOT NULL,
    rebuilding BOOLEAN NOT NULL,
    PRIMARY KEY (id)
) ENGINE = InnoDB;
SET @known_to = (SELECT COALESCE(MAX(error_log_id), 0) FROM Logs);
INSERT IGNORE INTO Summary_State (id, counted_to, known_to, as_of, window_hour, complete_at, rebuilding)
    VALUES (1, 0, @known_to, NULL, 0, UNIX_TIMESTAMP(), FALSE);
