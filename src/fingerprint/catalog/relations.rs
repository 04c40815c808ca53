//! Schemas, relations, and their dependent objects.

use super::{Query, always, since};

pub(super) const QUERIES: &[Query] = &[
    always(
        r#"select {identity pg_namespace n.oid 0}, {role n.nspowner} as owner, {acl n n.nspacl n.nspowner} as grants
           from pg_namespace n where {ours n pg_namespace n.oid}"#,
    ),
    // The server itself creates the triggers of foreign keys; DISABLE TRIGGER ALL disables them
    // too.
    always(
        r#"select {identity pg_class c.oid 0}, {role c.relowner} as owner,
               case c.relpersistence when 'u' then 'unlogged' end as persistence,
               (select am.amname from pg_am am where am.oid = c.relam) as "access method",
               (select t.spcname from pg_tablespace t where t.oid = c.reltablespace) as tablespace,
               {sorted c.reloptions} as options,
               (select {sorted t.reloptions} from pg_class t where t.oid = c.reltoastrelid) as "toast options",
               (select nullif({acl r t.relacl t.relowner}, {acl r null t.relowner}) from pg_class t
                   where t.oid = c.reltoastrelid and t.relacl is not null) as "toast grants",
               pg_get_partkeydef(c.oid) as "partition by",
               pg_get_expr(c.relpartbound, c.oid) as "partition bound",
               (select string_agg(format('%I.%I', pn.nspname, p.relname) ||
                   case when {since 14 i.inhdetachpending} then ' (being detached)' else '' end, E'\n' order by i.inhseqno)
                   from pg_inherits i join pg_class p on p.oid = i.inhparent
                   join pg_namespace pn on pn.oid = p.relnamespace where i.inhrelid = c.oid) as "child of",
               case when c.reloftype <> 0 then format_type(c.reloftype, null) end as "of type",
               {flag c.relrowsecurity} as "row security", {flag c.relforcerowsecurity} as "forced row security",
               case c.relreplident when 'd' then null when 'n' then 'nothing' when 'f' then 'full' else 'index' end
                   as "replica identity",
               (select s.srvname from pg_foreign_table f join pg_foreign_server s on s.oid = f.ftserver
                   where f.ftrelid = c.oid) as server,
               (select {options f.ftoptions} from pg_foreign_table f where f.ftrelid = c.oid) as "foreign options",
               (select string_agg(distinct coalesce(o.conname, '') || ' ' || t.tgenabled::text, E'\n')
                   from pg_trigger t left join pg_constraint o on o.oid = t.tgconstraint
                   where t.tgrelid = c.oid and t.tgisinternal and t.tgenabled <> 'O') as "constraints not as usual",
               {acl r c.relacl c.relowner} as grants
           from pg_class c join pg_namespace n on n.oid = c.relnamespace
           where c.relkind in ('r', 'p', 'f') and {ours n pg_class c.oid}"#,
    ),
    always(
        r#"select {identity pg_class c.oid 0}, {role c.relowner} as owner, {sorted c.reloptions} as options,
               (select am.amname from pg_am am where am.oid = c.relam) as "access method",
               (select t.spcname from pg_tablespace t where t.oid = c.reltablespace) as tablespace,
               (select {sorted t.reloptions} from pg_class t where t.oid = c.reltoastrelid) as "toast options",
               (select nullif({acl r t.relacl t.relowner}, {acl r null t.relowner}) from pg_class t
                   where t.oid = c.reltoastrelid and t.relacl is not null) as "toast grants",
               case c.relreplident when 'd' then null when 'n' then null else c.relreplident::text end
                   as "replica identity",
               {acl r c.relacl c.relowner} as grants, pg_get_viewdef(c.oid) as query
           from pg_class c join pg_namespace n on n.oid = c.relnamespace
           where c.relkind in ('v', 'm') and {ours n pg_class c.oid}"#,
    ),
    // SELECT *, and INSERT and COPY without a list of columns, follow this order.
    always(
        r#"select format('column order of %I.%I', n.nspname, c.relname),
               (select string_agg(quote_ident(a.attname), E'\n' order by a.attnum) from pg_attribute a
                   where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns
           from pg_class c join pg_namespace n on n.oid = c.relnamespace
           where c.relkind in ('r', 'p', 'f') and {ours n pg_class c.oid}"#,
    ),
    // The server chooses the names of NOT NULL constraints (PostgreSQL 18), unless the author gave
    // one. Column options are those documented for ALTER TABLE ... ALTER COLUMN ... SET, not a list
    // of exceptions: the server can store options of its own there, which pg_dump omits (15.20
    // marks every new column with `pg_attver`). Extensions cannot add column options.
    // `pg_class.reloptions` and the operator class options of index columns (`siglen`) are compared
    // whole: access methods and operator classes of extensions define their own, and no server is
    // known to write there. pg_dump includes both, the latter by pg_get_indexdef, as here.
    always(
        r#"select {identity pg_class c.oid a.attnum}, format_type(a.atttypid, a.atttypmod) as type,
               case when a.attcollation <> t.typcollation then (select format('%I.%I', cn.nspname, co.collname)
                   from pg_collation co join pg_namespace cn on cn.oid = co.collnamespace
                   where co.oid = a.attcollation) end as collation,
               {flag a.attnotnull} as "not null",
               {since 18 nullif((select concat_ws(', ', case when o.conname <> c.relname || '_' || a.attname || '_not_null'
                   and o.conislocal then 'named ' || o.conname end, case when not o.convalidated then 'not valid' end,
                   case when o.connoinherit then 'no inherit' end) from pg_constraint o
                   where o.conrelid = c.oid and o.contype = 'n' and o.conkey = array[a.attnum]), '')} as "not null is",
               case a.attidentity when 'a' then 'always' when 'd' then 'by default' end as identity,
               case when a.attgenerated <> '' then a.attgenerated::text end as generated,
               (select pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d
                   where d.adrelid = c.oid and d.adnum = a.attnum) as default,
               nullif(a.attstattarget, -1) as statistics,
               case when a.attstorage <> t.typstorage then a.attstorage::text end as storage,
               {since 14 nullif(a.attcompression::text, '')} as compression,
               {sorted array(select o from unnest(a.attoptions) o
                   where split_part(o, '=', 1) in ('n_distinct', 'n_distinct_inherited'))} as options,
               {options a.attfdwoptions} as "foreign options",
               case when a.attinhcount > 0 then case when a.attislocal then 'also' else 'only' end end as inherited,
               {acl c a.attacl c.relowner} as grants
           from pg_class c join pg_namespace n on n.oid = c.relnamespace
           join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
           join pg_type t on t.oid = a.atttypid
           where c.relkind in ('r', 'p', 'f', 'v', 'm') and {ours n pg_class c.oid}"#,
    ),
    // Excludes NOT NULL, which belongs to the column, and the constraints that a foreign key of
    // partitioned tables creates in partitions under names chosen by the server.
    always(
        r#"select {identity pg_constraint o.oid 0}, pg_get_constraintdef(o.oid) as definition,
               {flag not o.convalidated} as "not valid",
               case when o.coninhcount > 0 then case when o.conislocal then 'also' else 'only' end end as inherited
           from pg_constraint o join pg_namespace n on n.oid = o.connamespace
           where o.contype not in ('n', 't') and not (o.contype = 'f' and o.conparentid <> 0) 
               and {ours n pg_constraint o.oid}"#,
    ),
    always(
        r#"select {identity pg_class i.indexrelid 0}, pg_get_indexdef(i.indexrelid) as definition,
               (select t.spcname from pg_tablespace t where t.oid = c.reltablespace) as tablespace,
               {flag not i.indisvalid} as invalid, {flag not i.indisready} as "not ready",
               {flag not i.indislive} as "being dropped", {flag i.indisclustered} as clustered,
               {flag i.indisreplident} as "replica identity",
               (select {identity pg_class h.inhparent 0} from pg_inherits h where h.inhrelid = c.oid) as "child of",
               (select string_agg(a.attname || ' ' || a.attstattarget::text, E'\n' order by a.attnum) from pg_attribute a
                   where a.attrelid = c.oid and a.attnum > 0 and a.attstattarget >= 0) as statistics
           from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
           where {ours n pg_class i.indrelid}"#,
    ),
    always(
        r#"select {identity pg_class c.oid 0}, {role c.relowner} as owner,
               case c.relpersistence when 'u' then 'unlogged' end as persistence, format_type(s.seqtypid, null) as type,
               s.seqstart as start, s.seqincrement as increment, s.seqmin as minimum, s.seqmax as maximum,
               s.seqcache as cache, {flag s.seqcycle} as cycle,
               (select {identity pg_class d.refobjid d.refobjsubid} from pg_depend d
                   where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.refclassid = 'pg_class'::regclass
                   and d.deptype in ('a', 'i') and d.refobjsubid > 0) as "owned by",
               {acl s c.relacl c.relowner} as grants
           from pg_class c join pg_sequence s on s.seqrelid = c.oid join pg_namespace n on n.oid = c.relnamespace
           where {ours n pg_class c.oid}"#,
    ),
    always(
        r#"select {identity pg_trigger t.oid 0}, pg_get_triggerdef(t.oid) as definition,
               case t.tgenabled when 'O' then null when 'D' then 'disabled' when 'R' then 'on replicas' else 'always' end
                   as enabled,
               {flag t.tgparentid <> 0} as "of the partitioned table"
           from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
           where not t.tgisinternal and {ours n pg_class c.oid}"#,
    ),
    always(
        r#"select {identity pg_rewrite r.oid 0}, pg_get_ruledef(r.oid) as definition,
               case r.ev_enabled when 'O' then null when 'D' then 'disabled' when 'R' then 'on replicas' else 'always' end
                   as enabled
           from pg_rewrite r join pg_class c on c.oid = r.ev_class join pg_namespace n on n.oid = c.relnamespace
           where r.rulename <> '_RETURN' and {ours n pg_class c.oid}"#,
    ),
    always(
        r#"select {identity pg_policy p.oid 0},
               case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete'
                   else 'all' end as "for",
               {flag not p.polpermissive} as restrictive,
               (select string_agg(case u when 0 then 'PUBLIC' else quote_ident(pg_get_userbyid(u)) end, ', '
                   order by case u when 0 then 'PUBLIC' else quote_ident(pg_get_userbyid(u)) end collate "C")
                   from unnest(p.polroles) u) as "to",
               pg_get_expr(p.polqual, p.polrelid) as "using", pg_get_expr(p.polwithcheck, p.polrelid) as "with check"
           from pg_policy p join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace
           where {ours n pg_class c.oid}"#,
    ),
    since(
        10,
        r#"select {identity pg_statistic_ext s.oid 0}, {role s.stxowner} as owner,
               pg_get_statisticsobjdef(s.oid) as definition, nullif(s.stxstattarget, -1) as target
           from pg_statistic_ext s join pg_namespace n on n.oid = s.stxnamespace
           where {ours n pg_statistic_ext s.oid}"#,
    ),
];
