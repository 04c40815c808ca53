//! Describes the changes between two trust root versions in sentences, for people who sign or
//! install the new one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use pgseal_verify::digest::Digest;
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::format::trust_document::{
    AuthorityEntry, GateRole, KeyEntry, KeyStatus, TrustDocument,
};
use pgseal_verify::plural;

/// Lists every difference except those of each new version: its number, its predecessor and its
/// date. Owners and database names in the list are foreign text.
pub fn changes(before: &TrustDocument, after: &TrustDocument) -> Vec<String> {
    let mut list = keys(&before.keys, &after.keys);
    for (role, old, new) in pairs(&before.roles, &after.roles) {
        list.push(match (old, new) {
            (Some(old), Some(new)) => format!(
                "threshold of role {role}: {} -> {}",
                old.threshold, new.threshold
            ),
            (None, Some(new)) => format!("new role {role}: threshold {}", new.threshold),
            (_, None) => format!("role {role} is gone"),
        });
    }
    let (old, new) = (&before.policy, &after.policy);
    for (role, old, new) in pairs(&old.approvals, &new.approvals) {
        list.push(match (old, new) {
            (old, Some(count)) => {
                let count = plural::count(*count, "approval");
                let old = old.map_or("none".to_owned(), u8::to_string);
                format!("a run needs {count} of {role}; it needed {old}")
            }
            (_, None) => format!("a run needs no approval of {role} any more"),
        });
    }
    if old.targets != new.targets {
        list.push(format!(
            "releases may run on {}; before: {}",
            listed(&new.targets, "any database"),
            listed(&old.targets, "any database")
        ));
    }
    if old.require_run_on != new.require_run_on {
        list.push(format!(
            "a release must run first on: {}; before: {}",
            listed(&new.require_run_on, "none"),
            listed(&old.require_run_on, "none")
        ));
    }
    if old.source_repositories != new.source_repositories {
        list.push(format!(
            "releases may be of the repository: {}; before: {}",
            listed(&new.source_repositories, "any"),
            listed(&old.source_repositories, "any")
        ));
    }
    if old.windows != new.windows {
        list.push(format!(
            "runs may begin: {}; before: {}",
            listed(&new.windows, "at any time"),
            listed(&old.windows, "at any time")
        ));
    }
    if old.freezes != new.freezes {
        list.push(format!(
            "no run may begin: {}; before: {}",
            listed(&new.freezes, "no freeze"),
            listed(&old.freezes, "no freeze")
        ));
    }
    if old.require_rehearsal != new.require_rehearsal {
        let text = match new.require_rehearsal {
            true => "a run needs the receipt of a rehearsal; it needed none",
            false => "a run needs no receipt of a rehearsal any more",
        };
        list.push(text.to_owned());
    }
    if old.rehearsal_max_age_days != new.rehearsal_max_age_days {
        let age = match new.rehearsal_max_age_days {
            Some(days) => format!("{} old", plural::count(days.get(), "day")),
            None => "of any age again".to_owned(),
        };
        list.push(format!("a rehearsal that a run needs may be {age}"));
    }
    if old.require_signed_receipts != new.require_signed_receipts {
        let text = match new.require_signed_receipts {
            true => "a run needs a key that signs its receipt; it needed none",
            false => "a run needs no key that signs its receipt any more",
        };
        list.push(text.to_owned());
    }
    if old.gate_role != new.gate_role {
        let text = match new.gate_role {
            GateRole::Any => "gates and probes may be asked as any role, also as a superuser",
            GateRole::Reader => "gates and probes are asked as a role that may only read",
        };
        list.push(text.to_owned());
    }
    for (name, old, new) in pairs(&old.minimum_sequence, &new.minimum_sequence) {
        list.push(match (old, new) {
            (None, Some(new)) => format!("lowest sequence of {name} that runs: {new}; any before"),
            (Some(old), Some(new)) => {
                format!("lowest sequence of {name} that runs: {old} -> {new}")
            }
            (_, None) => format!("any sequence of {name} runs again"),
        });
    }
    let set = |list: &[Digest]| list.iter().copied().collect::<BTreeSet<_>>();
    let (blocked, was) = (set(&new.blocked_releases), set(&old.blocked_releases));
    let added = blocked.difference(&was);
    list.extend(added.map(|id| format!("release {id} is blocked")));
    let removed = was.difference(&blocked);
    list.extend(removed.map(|id| format!("release {id} is no longer blocked")));
    list.extend(authorities(
        &before.timestamp_authorities,
        &after.timestamp_authorities,
    ));
    if before.expires != after.expires {
        list.push(format!("expires: {} -> {}", before.expires, after.expires));
    }
    list
}

/// Describes for people whether and when a key counts. Empty for an unrestricted key.
pub fn standing(key: &KeyEntry) -> String {
    let window = moment("from", key.not_before) + &moment("until", key.not_after);
    format!(
        "{}{window}{}",
        word(key.status),
        moment("compromised since", key.compromised_since)
    )
}

/// Like [`standing`], for a time stamping authority.
pub fn authority_standing(entry: &AuthorityEntry) -> String {
    format!("{}{}", word(entry.status), moment("until", entry.not_after))
}

fn word(status: KeyStatus) -> &'static str {
    match status {
        KeyStatus::Active => "",
        KeyStatus::Retired => ", retired",
        KeyStatus::Revoked => ", revoked",
    }
}

fn moment(word: &str, time: Option<Timestamp>) -> String {
    time.map(|time| format!(", {word} {time}"))
        .unwrap_or_default()
}

fn keys(before: &[KeyEntry], after: &[KeyEntry]) -> Vec<String> {
    let by_id = |keys: &[KeyEntry]| {
        keys.iter()
            .map(|key| (key.id, key.clone()))
            .collect::<BTreeMap<_, _>>()
    };
    let named = |key: &KeyEntry| format!("key {} ({}, role {})", key.id, key.owner, key.role);
    let sentence = |old: Option<&KeyEntry>, new: Option<&KeyEntry>| match (old, new) {
        (None, Some(new)) => format!("new {}{}", named(new), standing(new)),
        (Some(old), None) => format!("{} is gone", named(old)),
        (Some(old), Some(new)) => {
            let mut parts = Vec::new();
            if standing(old) != standing(new) {
                let now = standing(new);
                parts.push(
                    now.strip_prefix(", ")
                        .unwrap_or("counts, without a window")
                        .to_owned(),
                );
            }
            if old.role != new.role {
                parts.push(format!("had the role {} before", old.role));
            }
            if old.owner != new.owner {
                parts.push(format!("its owner was {}", old.owner));
            }
            format!("{}: {}", named(new), parts.join("; "))
        }
        (None, None) => String::new(),
    };
    pairs(&by_id(before), &by_id(after))
        .into_iter()
        .map(|(_, old, new)| sentence(old, new))
        .collect()
}

fn authorities(before: &[AuthorityEntry], after: &[AuthorityEntry]) -> Vec<String> {
    let by_id =
        |list: &[AuthorityEntry]| list.iter().map(|entry| (entry.id, entry.clone())).collect();
    let (before, after): (BTreeMap<_, _>, BTreeMap<_, _>) = (by_id(before), by_id(after));
    let sentence = |id: &Digest, old: Option<&AuthorityEntry>, new: Option<&AuthorityEntry>| {
        let word = match (old, new) {
            (None, _) => "new time stamping authority",
            (_, None) => "gone: time stamping authority",
            _ => "changed: time stamping authority",
        };
        let entry = new.or(old);
        let owner = entry.map(|entry| entry.owner.as_str()).unwrap_or_default();
        format!(
            "{word} {id} ({owner}){}",
            entry.map(authority_standing).unwrap_or_default()
        )
    };
    pairs(&before, &after)
        .into_iter()
        .map(|(id, old, new)| sentence(id, old, new))
        .collect()
}

/// Entries that are in only one of two maps, or differ, by key.
fn pairs<'a, K: Ord, V: PartialEq>(
    before: &'a BTreeMap<K, V>,
    after: &'a BTreeMap<K, V>,
) -> Vec<(&'a K, Option<&'a V>, Option<&'a V>)> {
    let keys: BTreeSet<&K> = before.keys().chain(after.keys()).collect();
    let both = keys
        .into_iter()
        .map(|key| (key, before.get(key), after.get(key)));
    both.filter(|(_, old, new)| old != new).collect()
}

fn listed(all: &[impl Display], none: &str) -> String {
    let list: Vec<String> = all.iter().map(ToString::to_string).collect();
    if list.is_empty() {
        none.to_owned()
    } else {
        list.join(", ")
    }
}
