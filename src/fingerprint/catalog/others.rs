//! Properties of the database as a whole, and those of any object: comments, labels.

use super::{Query, always};

pub(super) const QUERIES: &[Query] = &[
    // The properties that `pg_dump --create` writes, without the name: a clone has another one.
    always(
        r#"select 'database', {role d.datdba} as owner, pg_encoding_to_char(d.encoding) as encoding,
               d.datcollate as collation, d.datctype as "character type",
               nullif(to_jsonb(d) ->> 'datlocprovider', 'c') as "locale provider",
               coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale') as locale,
               to_jsonb(d) ->> 'daticurules' as "collation rules",
               (select nullif(t.spcname, 'pg_default') from pg_tablespace t where t.oid = d.dattablespace) as tablespace,
               {flag d.datistemplate} as template, {flag not d.datallowconn} as "no connections",
               nullif(d.datconnlimit, -1) as connections,
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
               (select n.nspname from pg_namespace n where n.oid = e.extnamespace) as schema,
               (select string_agg(concat_ws(' ', {identity pg_class t.oid 0}, t.condition), E'\n'
                   order by t.oid::regclass::text collate "C")
                   from unnest(e.extconfig, e.extcondition) t(oid, condition)) as configuration,
               (select string_agg(m.identity, E'\n' order by m.identity collate "C")
                   from (select {identity d.classid d.objid d.objsubid} as identity from pg_depend d
                       where d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid and d.deptype = 'e') m) as members
           from pg_extension e"#,
    ),
    // Objects that are dropped with an extension without being its members.
    always(
        r#"select {identity d.classid d.objid d.objsubid} || ' depends on ' || {identity pg_extension d.refobjid 0}
           from pg_depend d where d.deptype = 'x' and d.refclassid = 'pg_extension'::regclass"#,
    ),
    // Grants on objects that are otherwise excluded, unless they are the initial ones. Those of
    // information_schema are granted after the initial ones are recorded: to PUBLIC, except on
    // its own helpers.
    always(
        r#"select 'grants on ' || {identity m.classid m.oid m.sub}, {granted coalesce(m.acl,acldefault(m.kind,m.owner))} as grants
           from (
               select 'pg_proc'::regclass::oid as classid, p.oid, 0 as sub, 'f'::"char" as kind, p.proacl as acl,
                       p.proowner as owner, null::aclitem[] as start
                   from pg_proc p join pg_namespace n on n.oid = p.pronamespace where {servers n pg_proc p.oid}
               union all
               select 'pg_class'::regclass, c.oid, 0, case c.relkind when 'S' then 's' else 'r' end::"char", c.relacl, c.relowner,
                       case when n.nspname = 'information_schema' and c.relname !~ '^_' and c.relacl is not null
                           then acldefault('r', c.relowner) || makeaclitem(0, c.relowner, 'SELECT', false) end
                   from pg_class c join pg_namespace n on n.oid = c.relnamespace where {servers n pg_class c.oid}
               union all
               select 'pg_class'::regclass, c.oid, a.attnum, 'c', a.attacl, c.relowner, null
                   from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
                   where not a.attisdropped and {servers n pg_class c.oid}
               union all
               select 'pg_type'::regclass, t.oid, 0, 'T', t.typacl, t.typowner, null
                   from pg_type t join pg_namespace n on n.oid = t.typnamespace where {servers n pg_type t.oid}
               union all
               select 'pg_namespace'::regclass, n.oid, 0, 'n', n.nspacl, n.nspowner,
                       case when n.nspname = 'information_schema' and n.nspacl is not null
                           then acldefault('n', n.nspowner) || makeaclitem(0, n.nspowner, 'USAGE', false) end
                   from pg_namespace n where n.nspname in ('pg_catalog', 'information_schema', 'pg_toast')
               union all
               select 'pg_language'::regclass, l.oid, 0, 'l', l.lanacl, l.lanowner, null
                   from pg_language l where l.oid < 16384 and not l.lanispl) m
           left join pg_init_privs i on i.classoid = m.classid and i.objoid = m.oid and i.objsubid = m.sub
           where m.acl is distinct from i.initprivs and {granted coalesce(m.acl,acldefault(m.kind,m.owner))}
               is distinct from {granted coalesce(i.initprivs,m.start,acldefault(m.kind,m.owner))}"#,
    ),
    always(
        r#"select {identity pg_default_acl a.oid 0}, {granted a.defaclacl} as grants from pg_default_acl a"#,
    ),
    always(
        r#"select 'large object ' || l.oid, {role l.lomowner} as owner, {acl L l.lomacl l.lomowner} as grants
           from pg_largeobject_metadata l"#,
    ),
    // The thousands of comments that come with the server are one digest for each catalog, selected
    // by identifiers that are the same on every server of a major version. Collations depend on the
    // host.
    always(
        r#"select 'comment on ' || (select regexp_replace(o.type, '^table (column|constraint)$', '\1') || ' ' || o.identity),
               to_jsonb(d.description) as text
           from pg_description d, lateral pg_identify_object(d.classoid, d.objoid, d.objsubid) o
           where not (d.objoid < 12000 and d.classoid in ('pg_proc'::regclass, 'pg_operator'::regclass,
                   'pg_type'::regclass, 'pg_conversion'::regclass, 'pg_collation'::regclass))
               and not (d.classoid = 'pg_collation'::regclass and o.schema = 'pg_catalog')
               and coalesce(o.schema, '') !~ '^pg_(toast|(toast_)?temp_.*)$'"#,
    ),
    always(
        r#"select 'comments on the server''s own ' || case d.classoid when 'pg_proc'::regclass then 'functions'
                   when 'pg_operator'::regclass then 'operators' when 'pg_type'::regclass then 'types' else 'conversions' end,
               count(*) as number, encode(sha256(convert_to(string_agg(concat_ws(' ', d.objoid, d.objsubid,
                   quote_literal(d.description)), E'\n' order by d.objoid, d.objsubid), 'UTF8')), 'hex') as digest
           from pg_description d
           where d.objoid < 12000 and d.classoid in ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass,
               'pg_conversion'::regclass)
           group by d.classoid"#,
    ),
    always(
        r#"select 'security label of ' || l.provider || ' on ' ||
                   (select regexp_replace(o.type, '^table (column|constraint)$', '\1') || ' ' || o.identity),
               to_jsonb(l.label) as label
           from pg_seclabel l, lateral pg_identify_object(l.classoid, l.objoid, l.objsubid) o"#,
    ),
];
