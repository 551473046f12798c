-- What Flask-Chest wrote as version 1 of its schema. It must not be changed.

CREATE TABLE IF NOT EXISTS chest_schema (
	version INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS chest_records (
	id TEXT NOT NULL,
	request_id VARCHAR(255) NOT NULL,
	trace_id VARCHAR(32),
	service VARCHAR(255) NOT NULL,
	instance VARCHAR(255) NOT NULL,
	endpoint TEXT,
	route TEXT,
	method VARCHAR(32) NOT NULL,
	path TEXT NOT NULL,
	status_code SMALLINT,
	error VARCHAR(255),
	started_at TEXT NOT NULL,
	duration_ms FLOAT NOT NULL,
	weight FLOAT NOT NULL,
	variables JSON NOT NULL,
	PRIMARY KEY (id),
	CHECK (typeof(duration_ms) IN ('real', 'integer')),
	CHECK (typeof(weight) IN ('real', 'integer')),
	CHECK (started_at GLOB '????-??-??T??:??:??.??????Z')
);

CREATE INDEX IF NOT EXISTS chest_records_request_id ON chest_records (request_id);

CREATE INDEX IF NOT EXISTS chest_records_started_at ON chest_records (started_at);

CREATE VIEW IF NOT EXISTS chest_variables AS SELECT r.id AS record_id, r.request_id, r.started_at, r.endpoint, j.key AS name, CASE j.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE j.value END AS value FROM chest_records AS r, json_each(CASE WHEN json_valid(r.variables) THEN r.variables ELSE '{}' END) AS j;

INSERT INTO chest_schema (version) SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM chest_schema WHERE version IS NOT NULL);
