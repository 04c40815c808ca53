//! Connections to other servers: foreign data, publications, subscriptions.

use super::{Query, always, since};

pub(super) const QUERIES: &[Query] = &[
    always(
        r#"select {identity pg_foreign_data_wrapper w.oid 0}, {role w.fdwowner} as owner,
               nullif(w.fdwhandler, 0)::regprocedure as handler, nullif(w.fdwvalidator, 0)::regprocedure as validator,
               {options w.fdwoptions} as options, {acl F w.fdwacl w.fdwowner} as grants
           from pg_foreign_data_wrapper w"#,
    ),
    always(
        r#"select {identity pg_foreign_server s.oid 0}, {role s.srvowner} as owner,
               (select w.fdwname from pg_foreign_data_wrapper w where w.oid = s.srvfdw) as wrapper, s.srvtype as type,
               s.srvversion as version, {options s.srvoptions} as options, {acl S s.srvacl s.srvowner} as grants
           from pg_foreign_server s"#,
    ),
    // Read from the view, which shows the options only to roles with the right to see them.
    always(
        r#"select {identity pg_user_mapping m.umid 0}, {options m.umoptions} as options
           from pg_user_mappings m"#,
    ),
    always(
        r#"select {identity pg_publication p.oid 0}, {role p.pubowner} as owner,
               to_jsonb(p) - array['oid', 'pubname', 'pubowner'] as definition
           from pg_publication p"#,
    ),
    always(
        r#"select {identity pg_publication_rel r.oid 0},
               {since 15 (select string_agg(quote_ident(a.attname), ', ' order by a.attname collate "C")
                   from pg_attribute a where a.attrelid = r.prrelid and a.attnum = any (r.prattrs))} as columns,
               {since 15 pg_get_expr(r.prqual, r.prrelid)} as "where"
           from pg_publication_rel r"#,
    ),
    since(
        15,
        r#"select {identity pg_publication_namespace s.oid 0} from pg_publication_namespace s"#,
    ),
    // Never `subconninfo`. Ordinary roles may read only some columns; before PostgreSQL 14 not even
    // the oid.
    always(
        r#"select 'subscription ' || quote_ident(s.subname), {role s.subowner} as owner, {flag s.subenabled} as enabled,
               {sorted s.subpublications} as publications, {since 14 s.subslotname} as slot,
               {since 14 s.subsynccommit} as "synchronous commit", {since 14 s.subbinary} as "binary",
               {since 14 s.substream} as streaming, {since 15 s.subtwophasestate} as "two phases",
               {since 15 s.subdisableonerr} as "disabled by errors", {since 16 s.subpasswordrequired} as "needs password",
               {since 16 s.subrunasowner} as "runs as owner", {since 16 s.suborigin} as origin,
               {since 17 s.subfailover} as failover
           from pg_subscription s
           where s.subdbid = (select d.oid from pg_database d where d.datname = current_database())"#,
    ),
];
