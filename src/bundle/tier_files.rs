//! `tiers = "tiers/*.sql"`: a tier for each file that the pattern means, in the order of names.

use std::collections::BTreeMap;

use toml::Spanned;

use super::checker::Checker;
use super::release_toml::{ReleaseToml, RollbackToml, TierToml};
use pgseal_verify::entry_path::EntryPath;
use pgseal_verify::format::manifest::Transaction;
use pgseal_verify::format::name::Name;

/// Replaces the pattern by tiers. A `[[tier]]` keeps its own words at the place of its file.
/// Without a `[[rollback]]`, the scripts `rollback/FILE` are the way back, the last first.
pub(super) fn list(checker: &mut Checker<'_>, toml: &mut ReleaseToml) {
    let Some(pattern) = toml.tiers.take() else {
        return;
    };
    let all = checker.source().paths();
    let files = all.filter(|path| pattern.get_ref().matches(path.as_str()));
    let files: Vec<EntryPath> = files.cloned().collect();
    if files.is_empty() {
        checker.problem(&pattern, format!("no file is named {}", pattern.get_ref()));
    }
    let wrong = files.windows(2).find(|pair| {
        let numbers = number(&pair[0]).zip(number(&pair[1]));
        numbers.is_some_and(|(first, second)| first > second)
    });
    if let Some([first, second]) = wrong {
        let text =
            format!("{first} would run before {second}: write their numbers with as many digits");
        checker.problem(&pattern, text);
    }
    let mut blocks: BTreeMap<EntryPath, TierToml> = BTreeMap::new();
    for block in std::mem::take(&mut toml.tier) {
        let file = block.file.get_ref().clone();
        if !files.contains(&file) || blocks.contains_key(&file) {
            let text = format!(
                "tiers = {:?} gives {file} no place of its own: list every tier as [[tier]], or name one of its files once",
                pattern.get_ref()
            );
            checker.problem(&block.file, text);
        } else {
            blocks.insert(file, block);
        }
    }
    for file in &files {
        let block = blocks.remove(file);
        toml.tier
            .extend(block.or_else(|| tier(checker, &pattern, file)));
    }
    if toml.rollback.is_empty() {
        let scripts = files
            .iter()
            .rev()
            .filter_map(|file| rollback_of(checker, file));
        toml.rollback = scripts
            .map(|file| RollbackToml {
                file: Spanned::new(pattern.span(), file),
                dispatch: Vec::new(),
            })
            .collect();
    }
}

/// The tier of a file that no block names.
fn tier<T>(checker: &mut Checker<'_>, pattern: &Spanned<T>, file: &EntryPath) -> Option<TierToml> {
    match stem(file).parse::<Name>() {
        Ok(name) => Some(TierToml {
            name: Spanned::new(pattern.span(), name),
            file: Spanned::new(pattern.span(), file.clone()),
            about: String::new(),
            gate: None,
            transaction: Transaction::Release,
            dispatch: Vec::new(),
        }),
        Err(error) => {
            let text = format!(
                "{file} gives its tier no name: {error}; rename the file, or write a [[tier]] with a name for it"
            );
            checker.problem(pattern, text);
            None
        }
    }
}

/// The script of the same name in `rollback/`, or `NAME.down.sql` for `NAME.up.sql`.
fn rollback_of(checker: &Checker<'_>, file: &EntryPath) -> Option<EntryPath> {
    let name = name(file);
    let down = name
        .strip_suffix(".up.sql")
        .map(|name| format!("{name}.down.sql"));
    let mut names = [Some(name.to_owned()), down].into_iter().flatten();
    names.find_map(|name| {
        let path: EntryPath = format!("rollback/{name}").parse().ok()?;
        checker.source().contains(&path).then_some(path)
    })
}

fn name(file: &EntryPath) -> &str {
    let path = file.as_str();
    path.rsplit('/').next().unwrap_or(path)
}

/// The name up to its first dot.
fn stem(file: &EntryPath) -> &str {
    name(file).split('.').next().unwrap_or_default()
}

/// The number at the beginning of the name.
fn number(file: &EntryPath) -> Option<u64> {
    let name = name(file);
    let digits = name.bytes().take_while(u8::is_ascii_digit).count();
    name[..digits].parse().ok()
}
