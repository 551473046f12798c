-- What Flask-Chest wrote as version 1 of its schema. It must not be changed.

CREATE TABLE public.chest_schema (
	version INTEGER NOT NULL
);

CREATE TABLE public.chest_records (
	id UUID NOT NULL,
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
	started_at TIMESTAMP WITH TIME ZONE NOT NULL,
	duration_ms FLOAT(53) NOT NULL,
	weight FLOAT(53) NOT NULL,
	variables JSONB NOT NULL,
	PRIMARY KEY (id)
);

CREATE INDEX chest_records_started_at ON public.chest_records USING btree (started_at);

CREATE INDEX chest_records_request_id ON public.chest_records (request_id);

CREATE VIEW "public"."chest_variables" AS SELECT r.id AS record_id, r.request_id, r.started_at, r.endpoint, j.name, j.value FROM "public"."chest_records" AS r CROSS JOIN LATERAL jsonb_each_text(r.variables) AS j (name, value);

INSERT INTO public.chest_schema (version) VALUES (1);

ALTER TABLE "public"."chest_records" ADD CHECK (jsonb_typeof(variables) = 'object'), ADD CHECK (started_at >= '0001-01-01 00:00:00+00' AND started_at < '10000-01-01 00:00:00+00'), ADD CHECK (duration_ms > '-Infinity' AND duration_ms < 'Infinity'), ADD CHECK (weight > '-Infinity' AND weight < 'Infinity');
