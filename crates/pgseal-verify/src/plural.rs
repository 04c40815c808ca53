//! Counts in words for people.

/// `1 check`, `3 checks`
pub fn count(number: impl TryInto<u64>, what: &str) -> String {
    match number.try_into().unwrap_or(u64::MAX) {
        1 => format!("1 {what}"),
        number => format!("{number} {}", plural(what)),
    }
}

/// `1 table or sequence`, `3 tables and sequences`
pub fn tables_and_sequences(number: usize) -> String {
    if number == 1 {
        "1 table or sequence".to_owned()
    } else {
        format!("{number} tables and sequences")
    }
}

/// Plural of a counted word.
pub fn plural(what: &str) -> String {
    match what.strip_suffix('y') {
        _ if what.ends_with("statistics") => what.to_owned(),
        _ if what.ends_with('x') => format!("{what}es"),
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ => format!("{what}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn as_people_say_it() {
        let said = [
            ("bundle", "2 bundles"),
            ("policy", "2 policies"),
            ("key", "2 keys"),
            ("index", "2 indexes"),
        ];
        said.iter()
            .for_each(|(what, two)| assert_eq!(count(2_usize, what), *two));
        assert_eq!(
            [count(1_u64, "fault"), count(0_u64, "fault")],
            ["1 fault", "0 faults"]
        );
    }
}
