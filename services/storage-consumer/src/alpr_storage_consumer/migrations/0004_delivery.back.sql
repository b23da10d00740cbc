DROP VIEW agent_ledger_proof;
DROP FUNCTION ledger_count(int8multirange);
DROP FUNCTION ledger_missing(int8multirange, int8multirange, int8multirange);
DROP TABLE retention_marks, agent_boots, agent_ledger, kafka_offsets;
