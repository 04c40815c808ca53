//! What belongs to the database as a whole, and what any object may have: comments, labels.

use super::{Question, always};

pub(super) const QUESTIONS: &[Question] = &[
    // Without its name: a clone has another.
    always(
        r#"select 'database', {role d.datdba} as owner, pg_encoding_to_char(d.encoding) as encoding,
               d.datcollate as collation, d.datctype as "character type", nullif(d.datconnlimit, -1) as connections,
               (select to_jsonb(s.description) from pg_shdescription s
                   where s.classoid = 'pg_database'::regclass and s.objoid = d.oid) as comment,
               (select string_agg(l.provider || ' ' || to_jsonb(l.label), E'\n' order by l.provider collate "C")
                   from pg_shseclabel l where l.classoid = 'pg_database'::regclass and l.objoid = d.oid) as labels,
               {acl d d.datacl d.datdba} as grants
           from pg_database d where d.datname = current_database()"#,
    ),
    always(
        r#"select case s.setrole when 0 then 'settings of the database'
                   else 'settings of role ' || quote_ident(pg_get_userbyid(s.setrole)) end, {options s.setconfig} as values
           from pg_db_role_setting s
           where s.setdatabase = (select d.oid from pg_database d where d.datname = current_database())"#,
    ),
    always(
        r#"select {identity pg_extension e.oid 0}, {role e.extowner} as owner, e.extversion as version,
               (select n.nspname from pg_namespace n where n.oid = e.extnamespace) as schema
           from pg_extension e"#,
    ),
    // An object that goes when the extension goes, though it is none of its members.
    always(
        r#"select {identity d.classid d.objid d.objsubid} || ' depends on ' || {identity pg_extension d.refobjid 0}
           from pg_depend d where d.deptype = 'x' and d.refclassid = 'pg_extension'::regclass"#,
    ),
    // Members of extensions are the extension's, but not what somebody granted on them since it was created.
    always(
        r#"select 'grants on ' || {identity m.classid m.objid 0}, {granted m.acl} as grants
           from (
               select d.classid, d.objid, d.objsubid, coalesce(p.proacl, c.relacl, n.nspacl, t.typacl, l.lanacl, w.fdwacl,
                   s.srvacl) as acl
               from pg_depend d
               left join pg_proc p on d.classid = 'pg_proc'::regclass and p.oid = d.objid
               left join pg_class c on d.classid = 'pg_class'::regclass and c.oid = d.objid
               left join pg_namespace n on d.classid = 'pg_namespace'::regclass and n.oid = d.objid
               left join pg_type t on d.classid = 'pg_type'::regclass and t.oid = d.objid
               left join pg_language l on d.classid = 'pg_language'::regclass and l.oid = d.objid
               left join pg_foreign_data_wrapper w on d.classid = 'pg_foreign_data_wrapper'::regclass and w.oid = d.objid
               left join pg_foreign_server s on d.classid = 'pg_foreign_server'::regclass and s.oid = d.objid
               where d.deptype = 'e' and d.refclassid = 'pg_extension'::regclass) m
           left join pg_init_privs i on i.classoid = m.classid and i.objoid = m.objid and i.objsubid = 0
           where m.acl is distinct from i.initprivs"#,
    ),
    always(r#"select {identity pg_default_acl a.oid 0}, {granted a.defaclacl} as grants from pg_default_acl a"#),
    always(
        r#"select 'large object ' || l.oid, {role l.lomowner} as owner, {acl L l.lomacl l.lomowner} as grants
           from pg_largeobject_metadata l"#,
    ),
    always(
        r#"select 'comment on ' || (select regexp_replace(o.type, '^table (column|constraint)$', '\1') || ' ' || o.identity),
               to_jsonb(d.description) as text
           from pg_description d, lateral pg_identify_object(d.classoid, d.objoid, d.objsubid) o
           where (d.objoid >= 16384 or d.classoid = 'pg_largeobject'::regclass
                   or d.classoid = 'pg_namespace'::regclass and o.identity = 'public')
               and o.schema is distinct from 'pgseal' and (o.type <> 'schema' or o.identity <> 'pgseal')
               and coalesce(o.schema, '') not in ('pg_catalog', 'information_schema', 'pg_toast')
               and coalesce(o.schema, '') !~ '^pg_(toast_)?temp_' and {free d.classoid d.objoid}"#,
    ),
    always(
        r#"select 'security label of ' || l.provider || ' on ' ||
                   (select regexp_replace(o.type, '^table (column|constraint)$', '\1') || ' ' || o.identity),
               to_jsonb(l.label) as label
           from pg_seclabel l, lateral pg_identify_object(l.classoid, l.objoid, l.objsubid) o
           where o.schema is distinct from 'pgseal' and {free l.classoid l.objoid}"#,
    ),
];
