-- Run once, as the owner of the tables: what `alpr-search-indexer` and `alpr reconcile` may do. Name the role as you like.
GRANT SELECT ON plate_events TO alpr_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON picture_findings TO alpr_reader;
