//! Times at which a trust root allows runs to begin.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::timestamp::Timestamp;
use crate::digest::string_conversions;

/// A weekly window, in UTC: `Sat 02:00-06:00 UTC`, `Mon-Fri 22:00-04:00 UTC`, `Sat,Sun 00:00-24:00
/// UTC`, `daily 01:00-03:00 UTC`. An end that is not after the begin is on the next day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Window {
    text: String,
    /// From Monday on.
    days: [bool; 7],
    /// Seconds from the day's begin.
    begin: i64,
    /// Seconds.
    length: i64,
}

/// A time without runs: `2026-12-20T00:00:00Z..2027-01-03T00:00:00Z`, from the first moment until
/// before the second.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Freeze {
    /// First moment.
    pub from: Timestamp,
    /// First moment after it.
    pub to: Timestamp,
}

/// Reason why a text is neither a window nor a freeze.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is {expected}")]
pub struct WindowError {
    found: String,
    expected: &'static str,
}

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * MINUTE;
const WEEK: i64 = 7 * DAY;

/// 1970-01-01 was a Thursday.
const EPOCH: i64 = 3 * DAY;

impl Window {
    /// Whether a moment is inside.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.begins()
            .any(|begin| (at.seconds() + EPOCH - begin).rem_euclid(WEEK) < self.length)
    }

    /// Seconds from a moment to the next begin.
    fn seconds_to_begin(&self, at: Timestamp) -> i64 {
        let to = |begin: i64| (begin - at.seconds() - EPOCH).rem_euclid(WEEK);
        self.begins().map(to).min().unwrap_or(WEEK)
    }

    /// Begins in a week, in seconds from Monday.
    fn begins(&self) -> impl Iterator<Item = i64> {
        let days = (0..).zip(self.days);
        days.filter_map(|(day, is_open)| is_open.then_some(day * DAY + self.begin))
    }
}

impl Freeze {
    /// Whether a moment is inside.
    pub fn contains(&self, at: Timestamp) -> bool {
        (self.from..self.to).contains(&at)
    }
}

/// The next moment, from `at` on, outside of all freezes and inside of a window, if there are any
/// windows. `None` if there is none in the next years.
pub fn next_open(windows: &[Window], freezes: &[Freeze], at: Timestamp) -> Option<Timestamp> {
    /// Each step passes a freeze or waits for a window.
    const STEPS: usize = 1000;
    let mut at = at;
    for _ in 0..STEPS {
        if let Some(freeze) = freezes.iter().find(|freeze| freeze.contains(at)) {
            at = freeze.to;
        } else if windows.is_empty() || windows.iter().any(|window| window.contains(at)) {
            return Some(at);
        } else {
            let wait = windows.iter().map(|window| window.seconds_to_begin(at));
            at = Timestamp::from_seconds(at.seconds().saturating_add(wait.min()?))?;
        }
    }
    None
}

fn days(text: &str) -> Option<[bool; 7]> {
    if text == "daily" {
        return Some([true; 7]);
    }
    let of = |name: &str| DAYS.iter().position(|day| *day == name);
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (mut day, last) = (of(first)?, of(last)?);
        days[day] = true;
        while day != last {
            day = (day + 1) % 7;
            days[day] = true;
        }
    }
    Some(days)
}

/// `HH:MM` in seconds.
fn time(text: &str) -> Option<i64> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |text: &str, most: i64| {
        let is_number = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        let number: i64 = text.parse().ok()?;
        (is_number && number <= most).then_some(number)
    };
    let at = number(hours, 24)? * 60 * MINUTE + number(minutes, 59)? * MINUTE;
    (at <= DAY).then_some(at)
}

impl FromStr for Window {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = || {
            let mut words = text.split(' ');
            let (days_text, times, zone) = (words.next()?, words.next()?, words.next()?);
            let (begin, end) = times.split_once('-')?;
            let (begin, end) = (time(begin)?, time(end)?);
            if zone != "UTC" || words.next().is_some() || begin == end || begin == DAY {
                return None;
            }
            Some(Self {
                text: text.to_owned(),
                days: days(days_text)?,
                begin,
                length: (end - begin).rem_euclid(DAY),
            })
        };
        parsed()
            .map(|window| match window.length {
                // 00:00-24:00
                0 => Self {
                    length: DAY,
                    ..window
                },
                _ => window,
            })
            .ok_or_else(|| WindowError {
                found: text.chars().take(80).collect(),
                expected: "no window: write it like \"Sat 02:00-06:00 UTC\", \"Mon-Fri 22:00-04:00 UTC\" or \"daily 01:00-03:00 UTC\"",
            })
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

string_conversions!(Window);

impl FromStr for Freeze {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = || {
            let (from, to) = text.split_once("..")?;
            let (from, to) = (from.parse().ok()?, to.parse().ok()?);
            (from < to).then_some(Self { from, to })
        };
        parsed().ok_or_else(|| WindowError {
            found: text.chars().take(80).collect(),
            expected: "no freeze: write FROM..TO, each like 2026-12-20T00:00:00Z",
        })
    }
}

impl fmt::Display for Freeze {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.from, self.to)
    }
}

string_conversions!(Freeze);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn window(text: &str) -> Window {
        text.parse().unwrap()
    }

    #[test]
    fn moments_of_windows() {
        // 2026-11-28 is a Saturday.
        let saturday = window("Sat 02:00-06:00 UTC");
        assert!(!saturday.contains(at("2026-11-28T01:59:59Z")));
        assert!(saturday.contains(at("2026-11-28T02:00:00Z")));
        assert!(saturday.contains(at("2026-11-28T05:59:59Z")));
        assert!(!saturday.contains(at("2026-11-28T06:00:00Z")));
        assert!(!saturday.contains(at("2026-11-27T03:00:00Z")));
        let nights = window("Fri-Sun 22:00-04:00 UTC");
        assert!(nights.contains(at("2026-11-30T03:59:59Z")));
        assert!(!nights.contains(at("2026-11-30T04:00:00Z")));
        assert!(nights.contains(at("2026-11-28T00:00:00Z")));
        assert!(!nights.contains(at("2026-11-27T03:00:00Z")));
        let whole = window("Sun-Mon,Wed 00:00-24:00 UTC");
        for (day, is_open) in [(23, true), (24, false), (25, true), (26, false), (29, true)] {
            let noon = at(&format!("2026-11-{day}T12:00:00Z"));
            assert_eq!(whole.contains(noon), is_open, "{day}");
        }
        assert!(window("daily 00:00-24:00 UTC").contains(at("2026-11-26T23:59:59Z")));
    }

    #[test]
    fn the_next_open_moment() {
        let windows = [window("Sat 02:00-06:00 UTC"), window("Tue 10:00-10:30 UTC")];
        let freeze: Freeze = "2026-11-28T00:00:00Z..2026-11-28T03:00:00Z"
            .parse()
            .unwrap();
        let next = |freezes: &[Freeze], from| next_open(&windows, freezes, at(from)).unwrap();
        let from = "2026-11-24T10:30:00Z";
        assert_eq!(next(&[], from), at("2026-11-28T02:00:00Z"));
        assert_eq!(
            next(std::slice::from_ref(&freeze), from),
            at("2026-11-28T03:00:00Z")
        );
        assert_eq!(
            next(&[], "2026-11-24T10:29:59Z"),
            at("2026-11-24T10:29:59Z")
        );
        assert_eq!(
            next_open(&[], &[freeze], at("2026-11-28T00:00:00Z")),
            Some(at("2026-11-28T03:00:00Z"))
        );
        let forever: Freeze = "2026-11-28T00:00:00Z..9999-12-30T22:00:00Z"
            .parse()
            .unwrap();
        let last = window("Mon 00:00-00:01 UTC");
        assert_eq!(
            next_open(&[last], &[forever], at("2026-11-28T00:00:00Z")),
            None
        );
    }

    #[test]
    fn wrong_spellings() {
        for wrong in [
            "Sat 02:00-06:00",
            "Sat 02:00-06:00 CET",
            "sat 02:00-06:00 UTC",
            "Sat 02:00-02:00 UTC",
            "Sat 24:00-02:00 UTC",
            "Sat 2:00-06:00 UTC",
            "Sat 02:60-06:00 UTC",
            "Sat 02:00-24:01 UTC",
            "Sat  02:00-06:00 UTC",
            "Sat 02:00-06:00 UTC ",
            "Sat, 02:00-06:00 UTC",
            "+Sat 02:00-06:00 UTC",
            "",
        ] {
            assert!(wrong.parse::<Window>().is_err(), "{wrong}");
        }
        for wrong in [
            "2026-12-20..2027-01-03",
            "2026-11-28T03:00:00Z..2026-11-28T03:00:00Z",
            "..",
        ] {
            assert!(wrong.parse::<Freeze>().is_err(), "{wrong}");
        }
    }
}
