-- How many requests are open, without a look at every secret.
CREATE INDEX IF NOT EXISTS record_by_request ON record (deadline) WHERE kind = 8;
