//! Foreign data: wrappers, servers, user mappings.

use super::{Question, always};

pub(super) const QUESTIONS: &[Question] = &[
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
];
