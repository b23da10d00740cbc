-- The roles of the database: run once, as its superuser; then give each its password.
-- alpr_writer acts as alpr_owner: it makes and drops partitions, and all tables stay one owner's. What alpr_reader may do is given
-- by `alpr-storage-consumer migrate --reader alpr_reader`, after each migration.
CREATE ROLE alpr_owner LOGIN;
CREATE ROLE alpr_writer LOGIN IN ROLE alpr_owner;
ALTER ROLE alpr_writer SET role TO 'alpr_owner';
CREATE ROLE alpr_reader LOGIN;
