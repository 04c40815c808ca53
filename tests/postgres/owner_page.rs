//! The owner's page: rows that the release carries, times and locks that a rehearsal measured, and
//! what a rollback leaves behind.

use super::rehearse::{Shop, receipts};
use pgseal_testkit::release::Release;

const OWNER: &str =
    "# Decide\n\n{{rows.tiers/seed.sql}}\n\n## Time\n\n{{duration}}\n\n## Back\n\n{{rollback}}\n";

const SEED: &str = "insert into public.approvals values (:'who'), ('<script>alert(1)</script>');\n\
                    lock table public.approvals in access exclusive mode;\nselect pg_sleep(0.3);\n";

fn release(shop: &Shop) -> Release {
    shop.release()
        .variable("who")
        .tier("seed", SEED)
        .rollback(
            "seed",
            "delete from public.approvals where who <> 'somebody';\n",
        )
        .runbook("owner", OWNER)
}

/// The page as Markdown.
fn page(shop: &Shop, more: &[&str]) -> String {
    let bundle = shop.site.path("small-1.0.0.pgseal");
    let runbook = [
        "runbook",
        bundle.to_str().unwrap(),
        "owner",
        "--trust",
        "trust.json",
    ];
    let receipts = ["--receipts", "receipts"];
    let arguments = runbook.iter().chain(&receipts).chain(more);
    shop.site.pgseal(arguments).done().stdout.clone()
}

/// The report as Markdown, without a database.
fn report(shop: &Shop, more: &[&str]) -> String {
    let bundle = shop.site.path("small-1.0.0.pgseal");
    let report = ["report", bundle.to_str().unwrap(), "--trust", "trust.json"];
    let receipts = ["--receipts", "receipts"];
    let arguments = report.iter().chain(&receipts).chain(more);
    shop.site.pgseal(arguments).stdout.clone()
}

#[track_caller]
fn says(page: &str, lines: &[&str]) {
    for line in lines {
        assert!(page.contains(line), "{line}\n{page}");
    }
}

#[test]
fn a_rehearsal_measures_and_proves() {
    let shop = Shop::new("ownerpage");
    let rehearsal = shop.rehearsal(&release(&shop)).with(["-v", "who=ann"]);
    let ann = ["-v", "who=ann"];
    let unknown = [
        "Not known yet: no signed rehearsal of this release is here. `pgseal rehearse ",
        "Nothing is known that a rollback would leave behind.\n\nThe rollback is not proved yet",
    ];
    says(&page(&shop, &ann), &unknown);
    // The rows need no rehearsal, and an unknown value has a stand-in.
    let row = "\n| \\<script\\>alert(1)\\</script\\> |\n";
    says(
        &page(&shop, &ann),
        &[
            "**public.approvals**: 2 rows (tiers/seed.sql:1)",
            "| ann |",
            row,
        ],
    );
    says(&page(&shop, &[]), &["| VALUE |"]);
    let html = page(&shop, &["--html"]);
    says(&html, &["<td>&lt;script&gt;alert(1)&lt;/script&gt;</td>"]);
    assert!(!html.contains("<script"), "{html}");

    // Without a signature a rehearsal proves nothing.
    rehearsal.run().done();
    says(&page(&shop, &ann), &unknown);
    let unsigned = receipts(&shop.site).pop().unwrap();
    let bundle = shop.site.path("small-1.0.0.pgseal");
    let named = [
        "runbook",
        bundle.to_str().unwrap(),
        "owner",
        "--trust",
        "trust.json",
        "--rehearsal",
    ];
    let named = named.iter().copied().chain(unsigned.to_str());
    shop.site
        .pgseal(named)
        .fails_saying(11, &["not signed, so it proves nothing"]);

    rehearsal.signed().run().done();
    let measured = page(&shop, &ann);
    says(
        &measured,
        &[
            "| seed | 0.3 s | readers and writers of public.approvals: at most ",
            "| widgets | less than 0.1 s | no reader or writer |",
            "| the whole run | ",
            "; the receipt is signed by receipt.",
            "Everything can be undone.\n\nThe rehearsal of ",
            "proved the rollback: every row and every definition was as before the run.",
        ],
    );
    let report = report(&shop, &ann);
    says(
        &report,
        &[
            "## For the owner\n\n- **How long does it take?** ",
            " s, measured by the rehearsal of ",
            "\n- **Who has to wait?** public.approvals can't be used for up to ",
            "\n- **Can it be undone?** Yes. The rehearsal of ",
            "\n  The rollback took ",
            "\n- **Does anything get lost?** Nothing is known that a rollback would leave behind.\n",
            "## For the operator\n\n1. Target:\n   `pgseal report ",
            "`pgseal run`",
        ],
    );
    // The owner's part has no command with arguments.
    let owners = report.split("## For the operator").next().unwrap();
    assert!(!owners.contains(" --trust "), "{owners}");
    // A run with another value could do something else.
    let other = page(&shop, &["-v", "who=ben"]);
    says(
        &other,
        &[
            ", with other values of the variables; the receipt",
            "Nothing is known that a rollback would leave behind.\n\nThe rollback is not proved with these values",
        ],
    );
    assert!(!other.contains("proved the rollback"), "{other}");
}

#[test]
fn a_rehearsal_of_definitions_proves_less() {
    let shop = Shop::new("ownerlimited");
    let release = shop
        .release()
        .alone("ann", "insert into public.approvals values ('ann');\n")
        .rollback("ann", "delete from public.approvals where who = 'ann';\n")
        .runbook("owner", "{{duration}}\n\n{{rollback}}\n");
    let rehearsal = shop.rehearsal(&release).signed();
    rehearsal.with(["--schema-only"]).run().done();
    says(
        &page(&shop, &[]),
        &[
            "Nothing is known that a rollback would leave behind.\n\nThe rehearsal of ",
            "does not prove that all data came back: not all rows were compared.",
            "Each statement of ann is committed at once",
        ],
    );
}

#[test]
fn what_stays_is_named() {
    let shop = Shop::new("ownerleft");
    let mut client = shop.db.client();
    client
        .batch_execute(
            "create type public.kind as enum ('a'); alter type public.kind owner to current_user",
        )
        .unwrap();
    let release = shop
        .release()
        .alone("kind", "alter type public.kind add value 'b';\n")
        .tier("notice", "notify news;\n")
        .reordered("public.widgets")
        .runbook("owner", "{{duration}}\n\n{{rollback}}\n");
    let dir = shop.site.path("small");
    release.write(&dir);
    let toml = std::fs::read_to_string(dir.join("release.toml")).unwrap();
    let dispatch = toml.replace(
        "name = \"notice\"\n",
        "name = \"notice\"\ndispatch = [\"NOTIFY\"]\n",
    );
    let accepted = "[[acknowledge]]\nrule = \"missing-rollback\"\nfile = \"tiers/notice.sql\"\nreason = \"news are news\"\n\n[limits]";
    std::fs::write(
        dir.join("release.toml"),
        dispatch.replace("[limits]", accepted),
    )
    .unwrap();
    let bundle = shop.site.path("small-1.0.0.pgseal");
    shop.site.pack_dir(&dir, &bundle).done();
    let left = [
        "A rollback leaves behind:\n- alter type public.kind add value 'b' (tiers/kind.sql:1): the value of public.kind stays",
        "\n- effects outside of the database, by NOTIFY in tier notice\n",
        "\n- another order of the columns of public.widgets\n",
        "\n- tiers/notice.sql, accepted by the author (missing-rollback): news are news\n",
    ];
    says(&page(&shop, &[]), &left);
    let rehearsal = super::rehearse::Rehearsal::of(
        &shop.site,
        &bundle,
        pgseal_testkit::cluster::Cluster::shared(),
    );
    rehearsal.from(shop.db.name()).signed().run().fails(50);
    let failed = page(&shop, &[]);
    says(&failed, &left);
    says(
        &failed,
        &[
            "The rollback is not proved: the rehearsal of ",
            ", failed",
            ", which failed; the receipt is signed by receipt.",
        ],
    );
    says(
        &report(&shop, &[]),
        &[
            "\n- **Does anything get lost?** A rollback leaves behind:\n  alter type public.kind",
            "\n  another order of the columns of public.widgets\n",
            "\n- **Was there a warning?** The author accepted 1 warning; the reasons are below.\n",
        ],
    );
}
