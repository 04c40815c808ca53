//! Numbers, lists and times for people.

use pgseal_verify::format::timestamp::Timestamp;
pub use pgseal_verify::plural::count;

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
    formatted(at, "%-d %B %Y, %H:%M UTC")
}

fn formatted(at: Timestamp, form: &str) -> String {
    let moment = jiff::Timestamp::from_second(at.seconds());
    moment.map_or_else(
        |_| at.to_string(),
        |moment| moment.strftime(form).to_string(),
    )
}

/// The same, with the precision useful at `now`: the hour on the same day; only the day if it is
/// far away.
pub fn near(at: Timestamp, now: Timestamp) -> String {
    let day = |at: Timestamp| at.seconds().div_euclid(86_400);
    match day(at) - day(now) {
        0 => formatted(at, "%H:%M UTC"),
        -2..=2 => day_and_time(at),
        _ => formatted(at, "%-d %B %Y"),
    }
}

/// Formats a time from the ledger, which is a text.
pub fn day_and_time_of(text: &str) -> String {
    text.parse().map_or_else(|_| text.to_owned(), day_and_time)
}

/// `5 minutes`, `3 hours`, `2 days`: a duration in one unit.
pub fn span(seconds: i64) -> String {
    let seconds = u64::try_from(seconds).unwrap_or_default();
    match seconds {
        0..60 => "less than a minute".to_owned(),
        60..3_600 => count(seconds / 60, "minute"),
        3_600..172_800 => count(seconds / 3_600, "hour"),
        _ => count(seconds / 86_400, "day"),
    }
}

/// `1.2 s`
pub fn seconds(milliseconds: u64) -> String {
    match milliseconds {
        0..100 => "less than 0.1 s".to_owned(),
        _ => format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100),
    }
}

/// `1.3 s` for 1,276 ms: an upper bound, rounded up.
pub fn at_most(milliseconds: u64) -> String {
    seconds(milliseconds.max(1).div_ceil(100) * 100)
}

/// Turns a fragment into a sentence: capitalises the first word if it has only plain letters, and
/// adds a full stop.
pub fn sentence(text: &str) -> String {
    let text = text.trim();
    let first = text.split([' ', ',', ';', ':']).next().unwrap_or_default();
    let mut said = String::with_capacity(text.len() + 1);
    let mut chars = text.chars();
    if first.bytes().all(|byte| byte.is_ascii_lowercase()) {
        said.extend(chars.next().map(|letter| letter.to_ascii_uppercase()));
    }
    said.extend(chars);
    if !said.is_empty() && !said.ends_with(['.', '!', '?']) {
        said.push('.');
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_people_say_it() {
        let at: Timestamp = "2026-11-01T05:07:09Z".parse().expect("a time");
        assert_eq!(day_and_time(at), "1 November 2026, 05:07 UTC");
        let seconds = |more: i64| Timestamp::from_seconds(at.seconds() + more).expect("a time");
        assert_eq!(near(seconds(900), at), "05:22 UTC");
        assert_eq!(near(seconds(86_400), at), "2 November 2026, 05:07 UTC");
        assert_eq!(near(seconds(30 * 86_400), at), "1 December 2026");
        assert_eq!(day_and_time_of("yesterday"), "yesterday");
        assert_eq!(
            [99, 100, 61_250].map(super::seconds),
            ["less than 0.1 s", "0.1 s", "61.2 s"]
        );
        assert_eq!(listed(&["a", "b", "c"]), "a, b and c");
        assert_eq!(
            sentence("is it there? look; then"),
            "Is it there? look; then."
        );
        assert_eq!(
            ["public.t is gone.", "it's", ""].map(sentence),
            ["public.t is gone.", "it's.", ""]
        );
        let spans = [
            (-5, "less than a minute"),
            (60, "1 minute"),
            (7_199, "1 hour"),
            (172_800, "2 days"),
        ];
        spans
            .iter()
            .for_each(|(seconds, said)| assert_eq!(span(*seconds), *said));
    }
}
