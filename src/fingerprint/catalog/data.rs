//! Relations with rows of their own.

/// Tables, materialized views and sequences. The columns are: `schema.table`, the same without
/// quotes, the kind, the columns ordered by name, the size in bytes, whether the role may read all
/// of it, whether row-level security would hide rows, whether it is populated, and the table that a
/// sequence belongs to.
///
/// Of an extension's relations, only tables that it declares as user data
/// (`pg_extension_config_dump`).
pub(in super::super) const TABLES: &str = r#"
    select format('%I.%I', n.nspname, c.relname), n.nspname || '.' || c.relname, c.relkind,
        (select string_agg(quote_ident(a.attname), ', ' order by a.attname::text collate "C") from pg_attribute a
            where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
        pg_relation_size(c.oid),
        has_schema_privilege(n.oid, 'USAGE') and has_table_privilege(c.oid, 'SELECT'),
        row_security_active(c.oid), c.relispopulated,
        (select format('%I.%I', tn.nspname, t.relname) from pg_depend d join pg_class t on t.oid = d.refobjid
            join pg_namespace tn on tn.oid = t.relnamespace where c.relkind = 'S' and d.classid = 'pg_class'::regclass
            and d.objid = c.oid and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')
            and d.refobjsubid > 0)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'm', 'S') and {ours n pg_class c.oid}
        and ({free pg_class c.oid} or exists (select from pg_extension e where c.oid = any (e.extconfig)))"#;
