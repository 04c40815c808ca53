//! Documents next to a bundle: their approvals count, and a damaged bundle is not reported as a missing one.

use crate::cross_checks::Well;
use crate::vault::{ARCHIVE, bundle, files, id, rolled_back, set, yes};
use pgseal_testkit::bundles::pack;
use pgseal_testkit::people::{self, approval};
use pgseal_testkit::tar::{Member, Tar};

/// An audit does not report a bundle as missing when a damaged file may be that bundle.
#[test]
fn a_bundle_that_is_here_and_damaged() {
    let well = Well::new();
    let said = |what: &str, word: &str| {
        let said = well.vault.audit(&[ARCHIVE]).text();
        for (file, word) in [
            ("two.approval", "approval-without-bundle"),
            ("two.receipt.json", "receipt-without-bundle"),
        ] {
            let line = format!(
                "FAULT archive/{file}: the bundle of its release, shop 2.0.0 ({}), {what} ({word})",
                id(&well.two)
            );
            assert!(said.contains(&line), "{line}\n{said}");
        }
        assert!(
            word.is_empty()
                || well
                    .vault
                    .faults(&[ARCHIVE])
                    .contains(&("z.pgseal".to_owned(), word.to_owned()))
        );
    };
    well.remove("two.pgseal");
    said("is not here", "");
    let here = "is here, and is damaged or not authentic: archive/z.pgseal";
    let mut bent = Tar::of(&well.two);
    bent.members[2].content[0] ^= 1;
    well.vault.put("z.pgseal", bent.bytes());
    said(here, "invalid-signature");
    well.vault
        .put("z.pgseal", &well.two[..well.two.len() - 1500]);
    said(here, "malformed");
    // Another bundle of the same name and version is not a candidate.
    well.vault.put(
        "y.pgseal",
        pack(
            &files("shop", "2.0.0", 3),
            std::slice::from_ref(&well.vault.keys.release),
        ),
    );
    said(here, "malformed");
    well.remove("y.pgseal");
    // The link is unreadable, so only its name identifies it.
    well.remove("z.pgseal");
    std::os::unix::fs::symlink("nowhere", well.vault.archive().join("two.pgseal"))
        .expect("our own directory");
    said(
        "is not here, or is archive/two.pgseal, which can't be read",
        "",
    );
}

/// A damaged statement changes the bundle's id, so that only the name identifies the bundle.
#[test]
fn a_bundle_whose_statement_is_damaged() {
    let well = Well::new();
    let says = |file: &str, what: &str| {
        let said = well.vault.audit(&[ARCHIVE]).text();
        let line = format!(
            "FAULT archive/{file}: the bundle of its release, shop 2.0.0 ({}), {what} (",
            id(&well.two)
        );
        assert!(said.contains(&line), "{line}\n{said}");
    };
    let mut bent = Tar::of(&well.two);
    let at = bent.at("statement.json");
    let byte = bent.members[at].content.len() / 2;
    bent.members[at].content[byte] ^= 1;
    well.vault.put("two.pgseal", bent.bytes());
    for file in ["two.approval", "two.receipt.json"] {
        says(
            file,
            "is not here, or is archive/two.pgseal, which is damaged or not authentic",
        );
    }
    // The receipt has another file name, so that only the release's name and version lead to the bundle.
    well.remove("two.pgseal");
    well.vault.put("shop-2.0.0.pgseal", bent.bytes());
    says(
        "two.receipt.json",
        "is not here, or is archive/shop-2.0.0.pgseal, which is damaged or not authentic",
    );
}

/// Approvals next to a bundle count as in `verify --approval`.
#[test]
fn approvals_beside_a_bundle() {
    let well = Well::new();
    let below = |bundle: &str| {
        let said = well.vault.audit(&[ARCHIVE, "--html", "page.html"]).text();
        let lines = said
            .lines()
            .skip_while(|line| !line.starts_with(&format!("ok archive/{bundle}: ")));
        lines
            .skip(1)
            .take_while(|line| line.starts_with("    "))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let has = |bundle: &str, text: &str| {
        let below = below(bundle);
        assert!(below.iter().any(|line| line == text), "{text}: {below:#?}");
    };
    has("one.pgseal", "    approvals: l2 1 of 1");
    has("two.pgseal", "    approvals: l2 1 of 1");
    let line = below("two.pgseal").into_iter().next().unwrap_or_default();
    assert!(
        line.starts_with("    approved by ") && line.ends_with(": archive/two.approval"),
        "{line}"
    );
    let page = String::from_utf8(well.vault.site.read("page.html")).expect("text");
    assert_eq!(
        page.matches(" as l2<span class=\"below\">approvals: l2 1 of 1</span>")
            .count(),
        2,
        "{page}"
    );
    let verify = |bundle: &str| {
        let approval = format!("archive/{bundle}.approval");
        let bundle = format!("archive/{bundle}.pgseal");
        well.vault
            .site
            .run(["verify", &bundle, "--approval", &approval])
    };
    assert!(verify("two").done().text().contains("l2 1 of 1"));
    // The last decision of each key counts, inside the bundle or next to it.
    let word = |bundle: &[u8], decision: &str, at: &str| {
        let mut said = approval(bundle, "l2");
        said["predicate"]["decision"] = decision.into();
        said["predicate"]["at"] = at.into();
        people::beside(&well.vault.keys.ann, &said)
    };
    well.vault.put(
        "one.approval",
        word(&well.one, "withdraw", "2026-11-22T08:00:00Z"),
    );
    has("one.pgseal", "    approvals: l2 0 of 1");
    assert!(verify("one").done().text().contains("l2 0 of 1"));
    let page = String::from_utf8(well.vault.site.read("page.html")).expect("text");
    assert!(
        page.contains("<span class=\"below\">approvals: l2 0 of 1</span>"),
        "{page}"
    );
    well.vault.put(
        "one.approval",
        word(&well.one, "withdraw", "2026-11-01T08:00:00Z"),
    );
    has("one.pgseal", "    approvals: l2 1 of 1");
    // Approvals by two keys count as two.
    well.vault
        .put("one.approval", yes(&well.one, &well.vault.keys.bob));
    has("one.pgseal", "    approvals: l2 2 of 1");
    // An approval that shows another target is refused and does not count.
    let mut said = approval(&well.two, "l2");
    said["predicate"]["target"]["database"] = "elsewhere".into();
    well.vault
        .put("two.approval", people::beside(&well.vault.keys.ann, &said));
    assert_ne!(verify("two").code, 0);
    has("two.pgseal", "    approvals: l2 0 of 1");
    assert!(
        well.vault
            .faults(&[ARCHIVE])
            .contains(&("two.approval".to_owned(), "approval-differs".to_owned()))
    );
}

/// A leftover signature or timestamp proves that there was a receipt. A missing receipt is one fault, whatever files
/// are left of it.
#[test]
fn what_is_left_over_of_a_receipt() {
    let well = Well::new();
    let vault = &well.vault;
    std::fs::remove_file(vault.archive().join("one.receipt.json")).expect("there");
    vault.put("one.receipt.tsr", "a time stamp");
    vault.put("one.journal", "a journal\n");
    vault.put("tried.rehearsal.sig", [7; 64]);
    vault.put("stamped.rehearsal.tsr", "a time stamp");
    vault.put("killed.journal", "a journal\n");
    let missing = |name: &'static str| (name, "receipt-missing");
    let faults = set([
        missing("one.receipt.json"),
        missing("tried.rehearsal.json"),
        missing("stamped.rehearsal.json"),
    ]);
    assert_eq!(vault.faults(&[ARCHIVE]), faults);
    assert_eq!(
        vault.notes(&[ARCHIVE]),
        set([missing("killed.receipt.json")])
    );
    let said = vault.audit(&[ARCHIVE]).text();
    assert!(
        said.contains("FAULT archive/one.receipt.json: what belongs to it is here, and it is not: *.receipt.sig"),
        "{said}"
    );
    assert!(
        said.contains("2 bundles, 1 approval, 1 receipt, 4 authentic, 3 faulty, 3 faults"),
        "{said}"
    );
    let mut tar = Tar::of(&well.one);
    tar.members = vec![
        Member::new("x.receipt.sig", b"signature"),
        Member::new("x.journal", b"a journal\n"),
    ];
    vault.put("a.tar", tar.bytes());
    assert_eq!(
        vault.faults(&["archive/a.tar"]),
        set([missing("a.tar/x.receipt.json")])
    );
}

/// The journal must be the one that the receipt names; `receipt verify` has the same rule.
#[test]
fn journals_that_do_not_agree() {
    let well = Well::new();
    let vault = &well.vault;
    let verify = || {
        vault
            .site
            .run(["receipt", "verify", "archive/one.receipt.json"])
            .code
    };
    assert_eq!(verify(), 0);
    vault.put("one.journal", "no journal\n");
    assert_eq!(verify(), 11);
    assert_eq!(
        vault.faults(&[ARCHIVE]),
        set([("one.receipt.json", "journal-differs")])
    );
    let said = vault.audit(&[ARCHIVE]).text();
    assert!(
        said.contains("the journal beside it does not agree: it is damaged"),
        "{said}"
    );
    well.remove("one.journal");
    std::fs::create_dir(vault.archive().join("one.journal")).expect("our own directory");
    assert_eq!(
        vault.faults(&[ARCHIVE]),
        set([("one.receipt.json", "unreadable")])
    );
}

/// Places that an audit does not enter get a note.
#[test]
fn what_is_passed_over() {
    let well = Well::new();
    let vault = &well.vault;
    std::fs::create_dir(vault.site.path("elsewhere")).expect("our own directory");
    vault.site.write("elsewhere/x.pgseal", &well.one);
    std::os::unix::fs::symlink("../elsewhere", vault.archive().join("linked"))
        .expect("our own directory");
    let mut tar = Tar::of(&well.one);
    tar.members = vec![Member::new("old/checkpoint", b"a log\n")];
    vault.put("old.tar", tar.bytes());
    assert_eq!(vault.faults(&[ARCHIVE]), set([]));
    let notes = set([("linked", "passed-over"), ("old.tar", "passed-over")]);
    assert_eq!(vault.notes(&[ARCHIVE]), notes);
    assert_eq!(
        vault
            .audit(&[ARCHIVE])
            .done()
            .text()
            .lines()
            .filter(|line| line.starts_with("note "))
            .count(),
        2
    );
    // A path with nothing to audit is a usage error.
    assert_eq!(vault.audit(&["archive/old.tar"]).code, 2);
}

/// Releases are ordered by sequence, not by the spelling of their versions; within one second a run comes before its
/// rollback.
#[test]
fn what_stands_above_what() {
    let well = Well::new();
    for (sequence, version) in [(20, "1.2.0"), (21, "1.10.0"), (22, "1.9.0")] {
        well.vault.put(
            &format!("n{sequence}.pgseal"),
            bundle("till", version, sequence, &well.vault.keys.release),
        );
    }
    well.vault.put("shop-3.0.0.pgseal", &well.two);
    let trust = well.vault.trust(|_| {});
    well.vault.receipt(
        "a",
        &rolled_back(&well.one, trust, "2026-11-21T08:00:00Z", "a"),
    );
    let audit = well.vault.audit(&[ARCHIVE, "--html", "page.html"]);
    let said = audit.text();
    let at = |text: &str| said.find(text).unwrap_or_else(|| panic!("{text}: {said}"));
    let (run, back) = (
        "    run on app, 2026-11-21T08:00:00Z",
        "    rollback on app, 2026-11-21T08:00:00Z",
    );
    assert!(at(run) < at(back), "{said}");
    at(
        "note archive/shop-3.0.0.pgseal: by its name it is shop 3.0.0; it is shop 2.0.0 (name-differs)",
    );
    let page = String::from_utf8(well.vault.site.read("page.html")).expect("text");
    let at = |version: &str| {
        page.find(&format!(">till {version}<"))
            .expect("it is there")
    };
    assert!(
        at("1.2.0") < at("1.10.0") && at("1.10.0") < at("1.9.0"),
        "{page}"
    );
}
