\i sql/legacy_dump.sql
