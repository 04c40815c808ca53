//! Excludes the ledger's own objects in the schema `pgseal`, and the markers of clones and trial databases: pgseal
//! creates them, but they are not a change of the release. Other objects in that schema count as usual. A test compares this list
//! with a ledger.

/// Identities of the ledger's relations, functions and their dependent objects.
const OWN: &[&str] = &[
    "schema pgseal",
    "schema pgseal_clone",
    "schema pgseal_trial",
    "table pgseal.ledger",
    "table pgseal.steps",
    "column order of pgseal.ledger",
    "column order of pgseal.steps",
    "view pgseal.runs",
    "view pgseal.in_effect",
    "sequence pgseal.ledger_id_seq",
    "sequence pgseal.steps_id_seq",
    "function pgseal.refuse_change()",
    "index pgseal.ledger_pkey",
    "index pgseal.ledger_run_id_key",
    "index pgseal.steps_pkey",
    "index pgseal.steps_run_id",
    "constraint ledger_pkey on pgseal.ledger",
    "constraint ledger_run_id_key on pgseal.ledger",
    "constraint ledger_format_check on pgseal.ledger",
    "constraint ledger_action_check on pgseal.ledger",
    "constraint ledger_release_id_check on pgseal.ledger",
    "constraint steps_pkey on pgseal.steps",
    "constraint steps_happened_check on pgseal.steps",
    "trigger only_added on pgseal.ledger",
    "trigger not_emptied on pgseal.ledger",
    "trigger only_added on pgseal.steps",
    "trigger not_emptied on pgseal.steps",
];

/// Prefixes of columns, which differ between formats of the ledger.
const COLUMNS: &[&str] = &[
    "column pgseal.ledger.",
    "column pgseal.steps.",
    "view column pgseal.runs.",
    "view column pgseal.in_effect.",
];

/// True for the identity of a ledger object, or of a comment on one.
pub(super) fn is_its_own(identity: &str) -> bool {
    let object = identity.strip_prefix("comment on ").unwrap_or(identity);
    OWN.contains(&object) || COLUMNS.iter().any(|columns| object.starts_with(columns))
}

/// True for a relation of the ledger, `schema.name`.
pub(super) fn is_its_relation(name: &str) -> bool {
    ["table ", "sequence "]
        .iter()
        .any(|kind| OWN.contains(&format!("{kind}{name}").as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_put_beside_it_is_not_its_own() {
        for own in [
            "table pgseal.ledger",
            "comment on schema pgseal",
            "column pgseal.steps.at",
        ] {
            assert!(is_its_own(own), "{own}");
        }
        for other in [
            "table pgseal.other",
            "trigger more on pgseal.ledger",
            "comment on table pgseal.other",
            "column pgseal.ledger2.at",
        ] {
            assert!(!is_its_own(other), "{other}");
        }
        assert!(is_its_relation("pgseal.steps_id_seq") && !is_its_relation("pgseal.other"));
    }
}
