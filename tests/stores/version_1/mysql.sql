-- What Flask-Chest wrote as version 1 of its schema. It must not be changed.

CREATE TABLE IF NOT EXISTS `chest_schema` (`version` INTEGER NOT NULL, PRIMARY KEY (`version`)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS `chest_records` (`id` CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, `request_id` VARCHAR(255) NOT NULL, `trace_id` VARCHAR(32), `service` VARCHAR(255) NOT NULL, `instance` VARCHAR(255) NOT NULL, `endpoint` MEDIUMTEXT, `route` MEDIUMTEXT, `method` VARCHAR(32) NOT NULL, `path` MEDIUMTEXT NOT NULL, `status_code` SMALLINT, `error` VARCHAR(255), `started_at` DATETIME(6) NOT NULL, `duration_ms` FLOAT(53) NOT NULL, `weight` FLOAT(53) NOT NULL, `variables` JSON NOT NULL, PRIMARY KEY (`id`), INDEX `chest_records_request_id` (`request_id`), INDEX `chest_records_started_at` (`started_at`)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE SQL SECURITY INVOKER VIEW `chest_variables` AS SELECT r.id AS record_id, r.request_id, r.started_at, r.endpoint, k.name COLLATE utf8mb4_nopad_bin AS name, CASE JSON_TYPE(v.value) WHEN 'NULL' THEN NULL WHEN 'STRING' THEN JSON_UNQUOTE(v.value) ELSE JSON_COMPACT(v.value) END COLLATE utf8mb4_nopad_bin AS value FROM `chest_records` AS r JOIN JSON_TABLE(JSON_KEYS(r.variables), '$[*]' COLUMNS (n FOR ORDINALITY, name LONGTEXT CHARACTER SET utf8mb4 PATH '$' ERROR ON ERROR)) AS k JOIN JSON_TABLE(JSON_EXTRACT(r.variables, '$.*'), '$[*]' COLUMNS (n FOR ORDINALITY, value JSON PATH '$' ERROR ON ERROR)) AS v ON v.n = k.n;

INSERT INTO `chest_schema` (version) VALUES (1) ON DUPLICATE KEY UPDATE version = 1;
