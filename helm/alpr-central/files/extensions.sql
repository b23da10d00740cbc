-- Those that the server offers: the owner of the tables may not make them everywhere.
DO $$
DECLARE wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['timescaledb', 'pg_trgm'] LOOP
        IF EXISTS (SELECT FROM pg_available_extensions WHERE name = wanted) THEN
            EXECUTE format('CREATE EXTENSION IF NOT EXISTS %I', wanted);
        END IF;
    END LOOP;
END $$;
