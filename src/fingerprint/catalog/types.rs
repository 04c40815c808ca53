//! Types, collations, conversions, text search.

use super::{Query, always, since};

pub(super) const QUERIES: &[Query] = &[
    always(
        r#"select {identity pg_type t.oid 0}, {role t.typowner} as owner, 'enum' as kind,
               (select string_agg(quote_literal(e.enumlabel), E'\n' order by e.enumsortorder) from pg_enum e
                   where e.enumtypid = t.oid) as labels, {acl T t.typacl t.typowner} as grants
           from pg_type t join pg_namespace n on n.oid = t.typnamespace
           where t.typtype = 'e' and {ours n pg_type t.oid}"#,
    ),
    always(
        r#"select {identity pg_type t.oid 0}, {role t.typowner} as owner, 'domain' as kind,
               format_type(t.typbasetype, t.typtypmod) as base, {flag t.typnotnull} as "not null",
               coalesce(pg_get_expr(t.typdefaultbin, 0), t.typdefault) as default,
               case when t.typcollation <> b.typcollation then {identity pg_collation t.typcollation 0} end as collation,
               {acl T t.typacl t.typowner} as grants
           from pg_type t join pg_namespace n on n.oid = t.typnamespace join pg_type b on b.oid = t.typbasetype
           where t.typtype = 'd' and {ours n pg_type t.oid}"#,
    ),
    // The order of a composite type's attributes is part of the text form of its values.
    always(
        r#"select {identity pg_type t.oid 0}, {role t.typowner} as owner, 'composite' as kind,
               (select string_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod) ||
                   case when a.attcollation <> b.typcollation then ' ' || {identity pg_collation a.attcollation 0}
                   else '' end, E'\n' order by a.attnum)
                   from pg_attribute a join pg_type b on b.oid = a.atttypid
                   where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as attributes,
               {acl T t.typacl t.typowner} as grants
           from pg_type t join pg_namespace n on n.oid = t.typnamespace
           join pg_class c on c.oid = t.typrelid and c.relkind = 'c'
           where {ours n pg_type t.oid}"#,
    ),
    always(
        r#"select {identity pg_type t.oid 0}, {role t.typowner} as owner, 'range' as kind,
               format_type(r.rngsubtype, null) as subtype, {identity pg_opclass r.rngsubopc 0} as "operator class",
               case when r.rngcollation <> 0 then {identity pg_collation r.rngcollation 0} end as collation,
               nullif(r.rngcanonical::oid, 0)::regprocedure as canonical,
               nullif(r.rngsubdiff::oid, 0)::regprocedure as difference,
               {since 14 format_type(r.rngmultitypid, null)} as multirange, {acl T t.typacl t.typowner} as grants
           from pg_type t join pg_namespace n on n.oid = t.typnamespace join pg_range r on r.rngtypid = t.oid
           where {ours n pg_type t.oid}"#,
    ),
    // Types that accompany another type belong to it: only explicit changes are compared. A
    // multirange belongs to its range's owner, or to the role that restored a dump (ALTER TYPE of
    // the range leaves it). A superuser as owner is ignored, since it gains nothing by it.
    always(
        r#"select {identity pg_type t.oid 0}, 'row' as kind, case when t.typowner <> c.relowner then {role t.typowner} end as owner,
               nullif({acl T t.typacl t.typowner}, {acl T null t.typowner}) as grants
           from pg_type t join pg_namespace n on n.oid = t.typnamespace
           join pg_class c on c.oid = t.typrelid and c.relkind <> 'c'
           where {ours n pg_class c.oid} and (t.typowner <> c.relowner or t.typacl is not null
               and {acl T t.typacl t.typowner} is distinct from {acl T null t.typowner})"#,
    ),
    since(
        14,
        r#"select {identity pg_type m.oid 0}, 'multirange' as kind, {role m.typowner} as owner,
               nullif({acl T m.typacl m.typowner}, {acl T null m.typowner}) as grants
           from pg_type t join pg_range r on r.rngtypid = t.oid join pg_type m on m.oid = r.rngmultitypid
           join pg_namespace n on n.oid = m.typnamespace join pg_roles o on o.oid = m.typowner
           where {ours n pg_type t.oid} and (m.typowner <> t.typowner and not o.rolsuper or m.typacl is not null
               and {acl T m.typacl m.typowner} is distinct from {acl T null m.typowner})"#,
    ),
    // Base types and shells, without the array that accompanies every type.
    always(
        r#"select {identity pg_type t.oid 0}, {role t.typowner} as owner,
               case when t.typisdefined then 'base' else 'shell' end as kind,
               nullif(t.typinput::oid, 0)::regprocedure as input, nullif(t.typoutput::oid, 0)::regprocedure as output,
               nullif(t.typreceive::oid, 0)::regprocedure as receive, nullif(t.typsend::oid, 0)::regprocedure as send,
               nullif(t.typmodin::oid, 0)::regprocedure as "modifier input",
               nullif(t.typmodout::oid, 0)::regprocedure as "modifier output",
               nullif(t.typanalyze::oid, 0)::regprocedure as "analyze",
               {since 14 nullif(t.typsubscript::oid, 0)::regprocedure} as subscript,
               t.typlen as length, {flag t.typbyval} as "by value", t.typalign as alignment, t.typstorage as storage,
               t.typcategory as category, {flag t.typispreferred} as preferred, t.typdelim as delimiter,
               case when t.typelem <> 0 then format_type(t.typelem, null) end as element, t.typdefault as default,
               {flag t.typcollation <> 0} as collatable, {acl T t.typacl t.typowner} as grants
           from pg_type t join pg_namespace n on n.oid = t.typnamespace
           where (t.typtype = 'b' or t.typtype = 'p') and {ours n pg_type t.oid}
               and not exists (select from pg_type e where e.typarray = t.oid)"#,
    ),
    // As JSON, since the set of columns differs between versions. A collation's version comes from
    // the library. Its encoding is -1 if it was copied from one for all encodings, and the
    // database's if it was created explicitly.
    always(
        r#"select {identity pg_collation c.oid 0}, {role c.collowner} as owner,
               jsonb_strip_nulls(to_jsonb(c) - array['oid', 'collname', 'collnamespace', 'collowner', 'collversion',
                   'collencoding']) as definition
           from pg_collation c join pg_namespace n on n.oid = c.collnamespace
           where {ours n}"#,
    ),
    always(
        r#"select {identity pg_conversion c.oid 0}, {role c.conowner} as owner,
               pg_encoding_to_char(c.conforencoding) as "from", pg_encoding_to_char(c.contoencoding) as "to",
               c.conproc::oid::regprocedure as function, {flag c.condefault} as default
           from pg_conversion c join pg_namespace n on n.oid = c.connamespace
           where {ours n pg_conversion c.oid}"#,
    ),
    always(
        r#"select {identity pg_ts_parser p.oid 0}, p.prsstart::oid::regprocedure as start,
               p.prstoken::oid::regprocedure as token, p.prsend::oid::regprocedure as "end",
               nullif(p.prsheadline::oid, 0)::regprocedure as headline, p.prslextype::oid::regprocedure as types
           from pg_ts_parser p join pg_namespace n on n.oid = p.prsnamespace
           where {ours n pg_ts_parser p.oid}"#,
    ),
    always(
        r#"select {identity pg_ts_template t.oid 0}, nullif(t.tmplinit::oid, 0)::regprocedure as init,
               t.tmpllexize::oid::regprocedure as lexize
           from pg_ts_template t join pg_namespace n on n.oid = t.tmplnamespace
           where {ours n pg_ts_template t.oid}"#,
    ),
    always(
        r#"select {identity pg_ts_dict d.oid 0}, {role d.dictowner} as owner,
               {identity pg_ts_template d.dicttemplate 0} as template, d.dictinitoption as options
           from pg_ts_dict d join pg_namespace n on n.oid = d.dictnamespace
           where {ours n pg_ts_dict d.oid}"#,
    ),
    always(
        r#"select {identity pg_ts_config c.oid 0}, {role c.cfgowner} as owner,
               {identity pg_ts_parser c.cfgparser 0} as parser,
               (select string_agg(t.alias || ' ' || {identity pg_ts_dict m.mapdict 0}, E'\n'
                   order by t.alias collate "C", m.mapseqno)
                   from pg_ts_config_map m join lateral ts_token_type(c.cfgparser) t on t.tokid = m.maptokentype
                   where m.mapcfg = c.oid) as mappings
           from pg_ts_config c join pg_namespace n on n.oid = c.cfgnamespace
           where {ours n pg_ts_config c.oid}"#,
    ),
];
