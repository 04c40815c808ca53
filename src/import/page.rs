//! IMPORT.md: what was imported, and what a person has to decide.

use std::fmt::Write as _;

use super::naming::one_line;
use super::project::{Open, Project};
use super::release::Order;
use super::tiers::Listed;
use pgseal_verify::plural::count;

pub fn page(project: &Project, order: &Order, listed: &Listed, open: &[Open]) -> String {
    let mut page = format!(
        "# {}: imported from {}\n\n{}, {}, {}, {}.\n",
        order.name,
        project.tool.as_str(),
        count(project.changes.len(), "change"),
        count(listed.tiers.len(), "tier"),
        count(listed.rollback.len(), "rollback script"),
        count(listed.verify.len(), "verify script"),
    );
    let alone = listed.tiers.iter().filter(|tier| tier.alone);
    for tier in alone {
        let _ = write!(
            page,
            "\nThe tier `{}` has no transaction: a run that stops there ends with 31 and is resumed.\n",
            tier.name
        );
    }
    page.push_str("\n## To decide\n\n");
    match open.is_empty() {
        true => page.push_str("Nothing is left to decide.\n"),
        false => page.push_str(
            "`pgseal lint` refuses the release until each of these is decided.\n\
             A point that only a person can see is a comment `pgseal: decide:` at the top of its file: remove the line when it is decided.\n\n",
        ),
    }
    for open in open {
        let _ = writeln!(page, "- {}", one_line(&open.to_string()));
    }
    page.push_str(
        "\n## Next\n\n1. Read `release.toml`: name, version, summary, target, probes.\n2. `pgseal lint` names errors and warnings.\n\
         3. `pgseal pack`, then `pgseal rehearse` on a clone of the database that has the changes before these.\n4. Remove this file.\n",
    );
    page
}
