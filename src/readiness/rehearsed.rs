//! Reason of a failed rehearsal, in the words of its receipt.

use pgseal_verify::format::rehearsal::Rehearsal;

/// ` at the step compare: ...`, to append to "it failed"; empty if the receipt has no reason.
pub fn why(rehearsal: &Rehearsal) -> String {
    let Some(error) = rehearsal.error_lines().next() else {
        return String::new();
    };
    let step = rehearsal
        .steps
        .iter()
        .find(|step| !step.ok)
        .map(|step| step.name.as_str());
    let of_step = |step: &str| {
        Some((
            step.to_owned(),
            error
                .strip_prefix(&format!("rehearsal, {step}: "))?
                .to_owned(),
        ))
    };
    match step.and_then(of_step) {
        Some((step, error)) => format!(" at the step \u{201c}{step}\u{201d}: {error}"),
        None => format!(": {error}"),
    }
}
