//! Two branches from one version: every subset, in every rotation of its order, is installed exactly where one rule
//! allows it.

use pgseal::trust::draft::NextVersion;
use pgseal::trust::rotation::{Candidate, walk};
use pgseal::trust::{DraftRoot, SecretKey, Signer, TrustRoot, signatures};

use pgseal_testkit::keys::{Draft, key, time};

/// Creates the next version; its minimum sequence makes it different.
fn next(before: &TrustRoot, root: &SecretKey, sequence: u32) -> TrustRoot {
    let mut next =
        NextVersion::after(before, time("2026-11-21T12:00:00Z"), None).expect("a version");
    next.set_minimum_sequence("demo".parse().expect("a name"), sequence);
    signed(next.finish().expect("it holds"), root)
}

fn signed(draft: DraftRoot, root: &SecretKey) -> TrustRoot {
    let signatures = signatures::sign(&draft, &[root as &dyn Signer]).expect("signed");
    draft.signed(&signatures).expect("one key suffices")
}

fn candidate(of: &TrustRoot, root: &SecretKey) -> Candidate {
    let draft = DraftRoot::parse(of.draft().bytes().to_vec()).expect("it holds");
    Candidate {
        signatures: signatures::sign(&draft, &[root as &dyn Signer]).expect("signed"),
        draft,
    }
}

#[test]
fn only_an_unbroken_chain_through_the_installed_version_is_walked() {
    let (root, release) = (key("root"), key("release"));
    let one = Draft::new(&root, &[("release", 1, &[&release])])
        .load()
        .expect("a plain trust root");
    let (two, other_two) = (next(&one, &root, 1), next(&one, &root, 2));
    let (three, other_three) = (next(&two, &root, 3), next(&other_two, &root, 4));
    let four = next(&three, &root, 5);
    let all = [
        (&one, true),
        (&two, true),
        (&three, true),
        (&four, true),
        (&other_two, false),
        (&other_three, false),
    ];
    let mut walked = 0;
    for subset in 1_u32..1 << all.len() {
        let chosen: Vec<_> = all
            .iter()
            .enumerate()
            .filter(|(at, _)| subset & (1 << at) != 0)
            .map(|(_, of)| of)
            .collect();
        let mut versions: Vec<u32> = chosen.iter().map(|(of, _)| of.document().version).collect();
        versions.sort();
        let unbroken = versions.windows(2).all(|pair| pair[0] + 1 == pair[1]);
        let (least, most) = (versions[0], versions[versions.len() - 1]);
        let expected = unbroken && chosen.iter().all(|(_, ours)| *ours) && most > 2 && least <= 3;
        for turn in 0..chosen.len() {
            let mut order = chosen.clone();
            order.rotate_left(turn);
            let steps = walk(
                &two,
                order
                    .into_iter()
                    .map(|(of, _)| candidate(of, &root))
                    .collect(),
            );
            assert_eq!(steps.is_ok(), expected, "{versions:?}: {:?}", steps.err());
            let Ok(steps) = steps else { continue };
            let to: Vec<u32> = steps
                .iter()
                .map(|step| step.root().document().version)
                .collect();
            assert_eq!(to, (3..=most).collect::<Vec<u32>>());
            walked += 1;
        }
    }
    // {3} {3 4} {2 3} {2 3 4} {1 2 3} {1 2 3 4}, each in as many orders as it has members.
    assert_eq!(walked, 1 + 2 + 2 + 3 + 3 + 4);
}
