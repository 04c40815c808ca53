//! Approvals that count for a run: the last decision of each key before the run, from files without faults.

use crate::cross_checks::Well;
use crate::vault::{ARCHIVE, ran, set, yes};
use pgseal_testkit::people::{self, approval};
use pgseal_testkit::tar::Tar;

const WITHOUT: (&str, &str) = ("two.receipt.json", "run-without-approvals");

/// The approval file stays in place, and a later file withdraws it.
#[test]
fn an_approval_that_was_withdrawn_before_the_run() {
    let well = Well::new();
    let word = |decision: &str, at: &str| {
        let mut said = approval(&well.two, "l2");
        said["predicate"]["decision"] = decision.into();
        said["predicate"]["at"] = at.into();
        well.vault
            .put("last.approval", people::beside(&well.vault.keys.ann, &said));
        well.vault.faults(&[ARCHIVE])
    };
    assert_eq!(word("withdraw", "2026-11-21T08:59:59Z"), set([WITHOUT]));
    assert!(well.vault.notes(&[ARCHIVE]).is_empty());
    assert_eq!(
        word("withdraw", people::AT),
        set([WITHOUT]),
        "of the same second the withdrawal counts"
    );
    // Withdrawals during or after the run, or before the approval.
    for at in [
        "2026-11-21T09:00:01Z",
        "2026-11-21T20:00:00Z",
        "2026-10-01T00:00:00Z",
    ] {
        assert_eq!(word("withdraw", at), set([]), "{at}");
        assert!(well.vault.notes(&[ARCHIVE]).is_empty(), "{at}");
    }
    assert_eq!(word("approve", "2026-11-21T08:59:59Z"), set([]));
    // A withdrawal affects only the approvals of the same key.
    assert_eq!(word("withdraw", "2026-11-21T08:59:59Z"), set([WITHOUT]));
    well.vault
        .put("bob.approval", yes(&well.two, &well.vault.keys.bob));
    assert_eq!(well.vault.faults(&[ARCHIVE]), set([]));
}

/// A file with approvals of two releases counts for neither.
#[test]
fn approvals_in_a_file_with_a_fault() {
    let well = Well::new();
    let trust = well
        .vault
        .trust(|draft| draft.document["policy"]["approvals"]["l2"] = 2.into());
    well.vault
        .receipt("two", &ran(&well.two, trust, "2026-11-21T09:00:00Z", "two"));
    well.remove("one.receipt.json");
    let (ann, bob) = (&well.vault.keys.ann, &well.vault.keys.bob);
    well.vault.put("bob.approval", yes(&well.two, bob));
    assert_eq!(well.vault.faults(&[ARCHIVE]), set([]));
    // Ann approved one release and Bob the other; both orders.
    let mixed = |first: &[u8], second: &[u8]| {
        let (mut first, second) = (Tar::of(first), Tar::of(second));
        second
            .members
            .into_iter()
            .skip(1)
            .for_each(|member| first.add(member));
        first.bytes()
    };
    for (anns, bobs) in [(&well.one, &well.two), (&well.two, &well.one)] {
        well.vault
            .put("two.approval", mixed(&yes(anns, ann), &yes(bobs, bob)));
        for with_bobs in [true, false] {
            let faults = well.vault.faults(&[ARCHIVE]);
            assert!(
                faults.contains(&(WITHOUT.0.to_owned(), WITHOUT.1.to_owned())),
                "{faults:?}"
            );
            assert!(
                faults.contains(&("two.approval".to_owned(), "mixed-approvals".to_owned())),
                "{faults:?}"
            );
            if with_bobs {
                well.remove("bob.approval");
            }
        }
        well.vault.put("bob.approval", yes(&well.two, bob));
    }
}

/// Clocks differ: an approval that the run names may be slightly later than the run. An approval that it does not name
/// has no effect.
#[test]
fn a_yes_after_the_run() {
    let well = Well::new();
    let (ann, bob) = (&well.vault.keys.ann, &well.vault.keys.bob);
    let word = |decision: &str, at: &str| {
        let mut said = approval(&well.two, "l2");
        said["predicate"]["decision"] = decision.into();
        said["predicate"]["at"] = at.into();
        said
    };
    well.vault.put(
        "last.approval",
        people::beside(ann, &word("withdraw", "2026-11-21T08:59:59Z")),
    );
    well.vault.put(
        "bob.approval",
        people::beside(bob, &word("approve", "2026-11-21T09:00:56Z")),
    );
    assert_eq!(well.vault.faults(&[ARCHIVE]), set([WITHOUT]));
    // An approval in the same second as the run counts, named or not.
    well.vault.put(
        "bob.approval",
        people::beside(bob, &word("approve", "2026-11-21T09:00:00Z")),
    );
    assert_eq!(well.vault.faults(&[ARCHIVE]), set([]));
    // The run names Ann; a later decision of hers may have replaced the approval that the run saw.
    well.remove("bob.approval");
    well.remove("last.approval");
    for (at, notes) in [
        ("2026-11-21T09:05:00Z", set([])),
        ("2026-11-21T09:05:01Z", set([WITHOUT])),
    ] {
        well.vault
            .put("two.approval", people::beside(ann, &word("approve", at)));
        assert_eq!(well.vault.faults(&[ARCHIVE]), set([]), "{at}");
        assert_eq!(well.vault.notes(&[ARCHIVE]), notes, "{at}");
    }
}

/// An approver who was shown another target approved another release: a run would have refused the approval.
#[test]
fn an_approval_that_shows_something_else() {
    let well = Well::new();
    let mut said = approval(&well.two, "l2");
    said["predicate"]["target"]["database"] = "elsewhere".into();
    well.vault
        .put("two.approval", people::beside(&well.vault.keys.ann, &said));
    assert_eq!(
        well.vault.faults(&[ARCHIVE]),
        set([("two.approval", "approval-differs"), WITHOUT])
    );
    // Such an approval does not replace one that shows the release correctly, either.
    well.vault
        .put("one-more.approval", yes(&well.two, &well.vault.keys.bob));
    assert_eq!(
        well.vault.faults(&[ARCHIVE]),
        set([("two.approval", "approval-differs")])
    );
    well.remove("one-more.approval");
    said["predicate"]["decision"] = "withdraw".into();
    said["predicate"]["at"] = "2026-11-21T08:30:00Z".into();
    well.vault
        .put("last.approval", people::beside(&well.vault.keys.ann, &said));
    well.vault
        .put("two.approval", yes(&well.two, &well.vault.keys.ann));
    assert_eq!(
        well.vault.faults(&[ARCHIVE]),
        set([("last.approval", "approval-differs")])
    );
}
