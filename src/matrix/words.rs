//! Numbers, lists and times as people say them.

use crate::format::timestamp::Timestamp;

/// `1 check`, `3 checks`
pub fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// `a, b and c`
pub fn listed<T: AsRef<str>>(names: &[T]) -> String {
    match names {
        [] => "nobody".to_owned(),
        [one] => one.as_ref().to_owned(),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", first.join(", "), last.as_ref())
        }
    }
}

/// `21 November 2026, 21:05 UTC`
pub fn day_and_time(at: Timestamp) -> String {
    let moment = jiff::Timestamp::from_second(at.seconds());
    moment.map_or_else(|_| at.to_string(), |moment| moment.strftime("%-d %B %Y, %H:%M UTC").to_string())
}

/// A time as the ledger has it, which is a text.
pub fn day_and_time_of(text: &str) -> String {
    text.parse().map_or_else(|_| text.to_owned(), day_and_time)
}

/// `5 minutes`, `3 hours`, `2 days`: how long ago, to one unit.
pub fn span(seconds: i64) -> String {
    let seconds = u64::try_from(seconds).unwrap_or_default();
    match seconds {
        0..60 => "less than a minute".to_owned(),
        60..3_600 => count(seconds / 60, "minute"),
        3_600..172_800 => count(seconds / 3_600, "hour"),
        _ => count(seconds / 86_400, "day"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_people_say_it() {
        let at: Timestamp = "2026-11-01T05:07:09Z".parse().expect("a time");
        assert_eq!(day_and_time(at), "1 November 2026, 05:07 UTC");
        assert_eq!(day_and_time_of("yesterday"), "yesterday");
        assert_eq!(listed(&["a", "b", "c"]), "a, b and c");
        let spans = [(-5, "less than a minute"), (60, "1 minute"), (7_199, "1 hour"), (172_800, "2 days")];
        spans.iter().for_each(|(seconds, said)| assert_eq!(span(*seconds), *said));
    }
}
