-- Plain PostgreSQL has no columnstore: on TimescaleDB this migration sets it up.
SELECT;
