//! Functions and the objects made of them: aggregates, operators, casts, languages, event triggers.

use super::{Query, always};

pub(super) const QUERIES: &[Query] = &[
    always(
        r#"select {identity pg_proc p.oid 0}, {role p.proowner} as owner, {acl f p.proacl p.proowner} as grants,
               pg_get_functiondef(p.oid) as code
           from pg_proc p join pg_namespace n on n.oid = p.pronamespace
           where p.prokind <> 'a' and {ours n pg_proc p.oid}"#,
    ),
    always(
        r#"select {identity pg_proc p.oid 0}, {role p.proowner} as owner, {acl f p.proacl p.proowner} as grants,
               pg_get_function_arguments(p.oid) as arguments, pg_get_function_result(p.oid) as result,
               p.proparallel as parallel, a.aggkind as kind, a.aggnumdirectargs as "direct arguments",
               a.aggtransfn::oid::regprocedure as "state function", format_type(a.aggtranstype, null) as state,
               a.aggtransspace as space, a.agginitval as "initial state",
               nullif(a.aggfinalfn::oid, 0)::regprocedure as "final function", a.aggfinalextra as "final extra",
               a.aggfinalmodify as "final modifies", nullif(a.aggcombinefn::oid, 0)::regprocedure as "combine function",
               nullif(a.aggserialfn::oid, 0)::regprocedure as "serial function",
               nullif(a.aggdeserialfn::oid, 0)::regprocedure as "deserial function",
               nullif(a.aggmtransfn::oid, 0)::regprocedure as "moving function",
               nullif(a.aggminvtransfn::oid, 0)::regprocedure as "moving inverse",
               case when a.aggmtranstype <> 0 then format_type(a.aggmtranstype, null) end as "moving state",
               a.aggmtransspace as "moving space", a.aggminitval as "moving initial state",
               nullif(a.aggmfinalfn::oid, 0)::regprocedure as "moving final function",
               a.aggmfinalextra as "moving final extra", a.aggmfinalmodify as "moving final modifies",
               nullif(a.aggsortop, 0)::regoperator as "sort operator"
           from pg_proc p join pg_aggregate a on a.aggfnoid = p.oid join pg_namespace n on n.oid = p.pronamespace
           where {ours n pg_proc p.oid}"#,
    ),
    always(
        r#"select {identity pg_operator o.oid 0}, {role o.oprowner} as owner,
               case when o.oprresult <> 0 then format_type(o.oprresult, null) end as result,
               nullif(o.oprcode::oid, 0)::regprocedure as function, nullif(o.oprcom, 0)::regoperator as commutator,
               nullif(o.oprnegate, 0)::regoperator as negator, nullif(o.oprrest::oid, 0)::regprocedure as restrict,
               nullif(o.oprjoin::oid, 0)::regprocedure as "join", {flag o.oprcanmerge} as merges,
               {flag o.oprcanhash} as hashes
           from pg_operator o join pg_namespace n on n.oid = o.oprnamespace
           where {ours n pg_operator o.oid}"#,
    ),
    always(
        r#"select {identity pg_opfamily f.oid 0}, {role f.opfowner} as owner,
               (select string_agg(m.line, E'\n' order by m.line collate "C") from (
                   select concat_ws(' ', 'operator', o.amopstrategy, format_type(o.amoplefttype, null) || ',' ||
                       format_type(o.amoprighttype, null), o.amopopr::regoperator::text, o.amoppurpose::text,
                       (select {identity pg_opfamily o.amopsortfamily 0} where o.amopsortfamily <> 0)) as line
                       from pg_amop o where o.amopfamily = f.oid
                   union all
                   select concat_ws(' ', 'function', p.amprocnum, format_type(p.amproclefttype, null) || ',' ||
                       format_type(p.amprocrighttype, null), p.amproc::oid::regprocedure::text)
                       from pg_amproc p where p.amprocfamily = f.oid) m) as members
           from pg_opfamily f join pg_namespace n on n.oid = f.opfnamespace
           where {ours n pg_opfamily f.oid}"#,
    ),
    always(
        r#"select {identity pg_opclass c.oid 0}, {role c.opcowner} as owner, {identity pg_opfamily c.opcfamily 0} as family,
               format_type(c.opcintype, null) as type, {flag c.opcdefault} as default,
               case when c.opckeytype <> 0 then format_type(c.opckeytype, null) end as storage
           from pg_opclass c join pg_namespace n on n.oid = c.opcnamespace
           where {ours n pg_opclass c.oid}"#,
    ),
    always(
        r#"select {identity pg_cast c.oid 0}, nullif(c.castfunc, 0)::regprocedure as function, c.castcontext as context,
               c.castmethod as method
           from pg_cast c where c.oid >= 16384"#,
    ),
    always(
        r#"select {identity pg_transform t.oid 0}, nullif(t.trffromsql::oid, 0)::regprocedure as "from sql",
               nullif(t.trftosql::oid, 0)::regprocedure as "to sql"
           from pg_transform t where t.oid >= 16384"#,
    ),
    always(
        r#"select {identity pg_language l.oid 0}, {role l.lanowner} as owner, {flag l.lanpltrusted} as trusted,
               nullif(l.lanplcallfoid, 0)::regprocedure as handler, nullif(l.laninline, 0)::regprocedure as inline,
               nullif(l.lanvalidator, 0)::regprocedure as validator, {acl l l.lanacl l.lanowner} as grants
           from pg_language l where l.oid >= 16384 or l.lanispl"#,
    ),
    always(
        r#"select {identity pg_am a.oid 0}, a.amtype as type, a.amhandler::oid::regprocedure as handler
           from pg_am a where a.oid >= 16384"#,
    ),
    always(
        r#"select {identity pg_event_trigger e.oid 0}, {role e.evtowner} as owner, e.evtevent as event,
               e.evtfoid::regprocedure as function, {sorted e.evttags} as tags,
               case e.evtenabled when 'O' then null when 'D' then 'disabled' when 'R' then 'on replicas' else 'always' end
                   as enabled
           from pg_event_trigger e"#,
    ),
];
