-- The seed's table. One that was made by hand from the seed's text is adopted as it is.
CREATE TABLE IF NOT EXISTS `Logs` (
    `error_log_id` INT NOT NULL AUTO_INCREMENT,
    `device_id` varchar(255) NOT NULL,
    `error_number` INT NOT NULL,
    `time_stamp` INT NOT NULL,
    PRIMARY KEY (`error_log_id`)
);
