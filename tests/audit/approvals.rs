//! Whose yes counts for a run: of each key the last word before it, from files that are well.

use crate::cross_checks::Well;
use crate::vault::{ARCHIVE, ran, set, yes};
use pgseal_testkit::people::{self, approval};
use pgseal_testkit::tar::Tar;

const WITHOUT: (&str, &str) = ("two.receipt.json", "run-without-approvals");

/// A later file takes the approval back, which stays where it is.
#[test]
fn an_approval_that_was_withdrawn_before_the_run() {
    let well = Well::new();
    let word = |decision: &str, at: &str| {
        let mut said = approval(&well.two, "l2");
        said["predicate"]["decision"] = decision.into();
        said["predicate"]["at"] = at.into();
        well.vault.put("last.approval", people::beside(&well.vault.keys.ann, &said));
        well.vault.faults(&[ARCHIVE])
    };
    assert_eq!(word("withdraw", "2026-11-21T08:59:59Z"), set([WITHOUT]));
    assert!(well.vault.notes(&[ARCHIVE]).is_empty());
    assert_eq!(word("withdraw", people::AT), set([WITHOUT]), "of the same second the withdrawal counts");
    // Said while it ran, or before the yes.
    for at in ["2026-11-21T09:00:01Z", "2026-11-21T20:00:00Z", "2026-10-01T00:00:00Z"] {
        assert_eq!(word("withdraw", at), set([]), "{at}");
        assert!(well.vault.notes(&[ARCHIVE]).is_empty(), "{at}");
    }
    assert_eq!(word("approve", "2026-11-21T08:59:59Z"), set([]));
    // Somebody else's yes is not taken back.
    assert_eq!(word("withdraw", "2026-11-21T08:59:59Z"), set([WITHOUT]));
    well.vault.put("bob.approval", yes(&well.two, &well.vault.keys.bob));
    assert_eq!(well.vault.faults(&[ARCHIVE]), set([]));
}

/// Of a file about two releases nothing counts for either.
#[test]
fn approvals_in_a_file_with_a_fault() {
    let well = Well::new();
    let trust = well.vault.trust(|draft| draft.document["policy"]["approvals"]["l2"] = 2.into());
    well.vault.receipt("two", &ran(&well.two, trust, "2026-11-21T09:00:00Z", "two"));
    well.remove("one.receipt.json");
    let (ann, bob) = (&well.vault.keys.ann, &well.vault.keys.bob);
    well.vault.put("bob.approval", yes(&well.two, bob));
    assert_eq!(well.vault.faults(&[ARCHIVE]), set([]));
    // Ann's about the one, and Bob's about the other, in both orders.
    let mixed = |first: &[u8], second: &[u8]| {
        let (mut first, second) = (Tar::of(first), Tar::of(second));
        second.members.into_iter().skip(1).for_each(|member| first.add(member));
        first.bytes()
    };
    for (anns, bobs) in [(&well.one, &well.two), (&well.two, &well.one)] {
        well.vault.put("two.approval", mixed(&yes(anns, ann), &yes(bobs, bob)));
        for with_bobs in [true, false] {
            let faults = well.vault.faults(&[ARCHIVE]);
            assert!(faults.contains(&(WITHOUT.0.to_owned(), WITHOUT.1.to_owned())), "{faults:?}");
            assert!(faults.contains(&("two.approval".to_owned(), "mixed-approvals".to_owned())), "{faults:?}");
            if with_bobs {
                well.remove("bob.approval");
            }
        }
        well.vault.put("bob.approval", yes(&well.two, bob));
    }
}

/// Clocks differ: a yes on which the run says that it rests may be a little later. A yes that it doesn't name mends nothing.
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
    well.vault.put("last.approval", people::beside(ann, &word("withdraw", "2026-11-21T08:59:59Z")));
    well.vault.put("bob.approval", people::beside(bob, &word("approve", "2026-11-21T09:00:56Z")));
    assert_eq!(well.vault.faults(&[ARCHIVE]), set([WITHOUT]));
    // Said in the second of the run it counts, named or not.
    well.vault.put("bob.approval", people::beside(bob, &word("approve", "2026-11-21T09:00:00Z")));
    assert_eq!(well.vault.faults(&[ARCHIVE]), set([]));
    // Ann is named; what comes later still may have taken the place of what she said before.
    well.remove("bob.approval");
    well.remove("last.approval");
    for (at, notes) in [("2026-11-21T09:05:00Z", set([])), ("2026-11-21T09:05:01Z", set([WITHOUT]))] {
        well.vault.put("two.approval", people::beside(ann, &word("approve", at)));
        assert_eq!(well.vault.faults(&[ARCHIVE]), set([]), "{at}");
        assert_eq!(well.vault.notes(&[ARCHIVE]), notes, "{at}");
    }
}

/// Whoever was shown another target said yes to something else: no run would have taken it.
#[test]
fn an_approval_that_shows_something_else() {
    let well = Well::new();
    let mut said = approval(&well.two, "l2");
    said["predicate"]["target"]["database"] = "elsewhere".into();
    well.vault.put("two.approval", people::beside(&well.vault.keys.ann, &said));
    assert_eq!(well.vault.faults(&[ARCHIVE]), set([("two.approval", "approval-differs"), WITHOUT]));
    // It doesn't take the place of one that shows the release as it is, either.
    well.vault.put("one-more.approval", yes(&well.two, &well.vault.keys.bob));
    assert_eq!(well.vault.faults(&[ARCHIVE]), set([("two.approval", "approval-differs")]));
    well.remove("one-more.approval");
    said["predicate"]["decision"] = "withdraw".into();
    said["predicate"]["at"] = "2026-11-21T08:30:00Z".into();
    well.vault.put("last.approval", people::beside(&well.vault.keys.ann, &said));
    well.vault.put("two.approval", yes(&well.two, &well.vault.keys.ann));
    assert_eq!(well.vault.faults(&[ARCHIVE]), set([("last.approval", "approval-differs")]));
}
