//! Tiers whose scripts touch an object, as far as their text shows.

use std::collections::BTreeSet;

use super::run_context::RunContext;
use super::server_variables;
use crate::fingerprint::Difference;
use crate::lint::touches::touches;
use pgseal_verify::format::manifest::Tier;
use psql_script::Step;

/// Largest script that is read for it, in bytes: a comparison may be made in a transaction, which
/// must not wait for long.
const SCRIPT_BYTES: u64 = 16 << 20;

/// Objects of each tier, in the order of the run.
pub(super) struct Touched(Vec<(String, BTreeSet<String>)>);

impl Touched {
    /// Reads the scripts of all tiers.
    pub fn by(order: &RunContext<'_>) -> Self {
        let tiers = order.manifest().tiers.iter();
        Self(
            tiers
                .map(|tier| (tier.name.to_string(), objects(order, tier)))
                .collect(),
        )
    }

    /// A line about a difference, with the tiers that touch its object.
    pub fn line(&self, difference: &Difference, line: &str) -> String {
        let tiers = self.tiers(&difference.object);
        match tiers.is_empty() {
            true => line.to_owned(),
            false => format!("{line} (tier {})", tiers.join(", ")),
        }
    }

    fn tiers(&self, object: &str) -> Vec<&str> {
        let touches = |names: &BTreeSet<String>| names.iter().any(|name| is_about(object, name));
        let tiers = self.0.iter().filter(|(_, names)| touches(names));
        tiers.map(|(tier, _)| tier.as_str()).collect()
    }
}

fn objects(order: &RunContext<'_>, tier: &Tier) -> BTreeSet<String> {
    let manifest = order.manifest();
    let mut files = manifest.files.iter();
    let is_small = files.any(|file| file.path == tier.file && file.size <= SCRIPT_BYTES);
    let mut names = BTreeSet::new();
    let Some(sql) = order.sql(&tier.file).ok().filter(|_| is_small) else {
        return names;
    };
    let expected = server_variables::expected(manifest);
    sql.explore(order.variables, &expected, |_, step| {
        if let Ok((_, Step::Statement(statement))) = step {
            let objects = touches(&statement.sql, &manifest.target.search_path).objects;
            names.extend(objects.into_iter().map(|touch| touch.name));
        }
    });
    names
}

/// Whether an identity of a fingerprint names the object, a part of it, or its whole:
/// `rows of public.t` and `column public.t.a` are about `public.t`.
fn is_about(object: &str, name: &str) -> bool {
    let name = name.strip_prefix("of ").unwrap_or(name);
    let is_part = |part: &str, whole: &str| {
        let rest = part.strip_prefix(whole);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    // The first word is the kind.
    let mut words = object.split(' ').skip(1);
    words.any(|word| word.contains('.') && (is_part(word, name) || is_part(name, word)))
}

#[cfg(test)]
mod tests {
    use super::is_about;

    #[test]
    fn objects_and_their_parts() {
        for (object, name, is) in [
            ("rows of public.t", "public.t", true),
            ("column public.t.a", "public.t", true),
            ("table public.t", "public.t.a", true),
            ("constraint c on public.t", "public.t", true),
            ("index public.t_a", "public.t", false),
            ("rows of public.t", "public.t2", false),
            ("rows of public.t2", "public.t", false),
            ("schema app", "app", false),
        ] {
            assert_eq!(is_about(object, name), is, "{object} {name}");
        }
    }
}
