//! Source lines around a position in a statement, shown below an error.

/// Maximum characters of a line.
const WIDTH: usize = 100;

/// Formats the line that contains a 1-based character, with its neighbours and their numbers.
///
/// `caret` puts a `^` below the character. Without a character, the first line that is not blank is
/// shown. `line` maps a character to its line number. The text is untrusted, so its control
/// characters become blanks.
pub fn excerpt(
    sql: &str,
    character: Option<u32>,
    caret: bool,
    line: impl Fn(u32) -> u32,
) -> String {
    let lines: Vec<&str> = sql.split('\n').collect();
    let mut starts = vec![0];
    for line in &lines {
        starts.push(starts[starts.len() - 1] + line.chars().count() + 1);
    }
    let wanted = match character {
        Some(character) => character.saturating_sub(1) as usize,
        None => sql.chars().position(|c| !c.is_whitespace()).unwrap_or(0),
    };
    let at = (starts.partition_point(|start| *start <= wanted) - 1).min(lines.len() - 1);
    let column = wanted - starts[at];
    let is_near = column < WIDTH;
    let from = if is_near { 0 } else { column - WIDTH / 2 };
    let around = at.saturating_sub(1)..(at + 2).min(lines.len());
    let number = |index: usize| line(u32::try_from(starts[index] + 1).unwrap_or(u32::MAX));
    let digits = around
        .clone()
        .map(|index| number(index).to_string().len())
        .max()
        .unwrap_or(1);
    let mut out = Vec::new();
    for index in around {
        let shown = lines[index].chars().skip(from).take(WIDTH);
        let text: String = shown
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        // Blank neighbours are left out.
        if index == at || !text.trim().is_empty() {
            out.push(format!("{:>digits$} | {}", number(index), text.trim_end()));
        }
        if index == at && caret {
            out.push(format!("{:>digits$} | {}^", "", " ".repeat(column - from)));
        }
    }
    out.join("\n")
}

#[cfg(test)]
mod tests {
    use super::excerpt;

    /// Numbers lines as in a file where the text begins at line seven.
    fn of(sql: &str, character: Option<u32>) -> String {
        let line = |at: u32| {
            7 + sql
                .chars()
                .take(at as usize - 1)
                .filter(|c| *c == '\n')
                .count() as u32
        };
        excerpt(sql, character, character.is_some(), line)
    }

    #[test]
    fn the_caret_stands_below_the_place() {
        assert_eq!(
            of("select 1,\n  wrong\nfrom t", Some(13)),
            "7 | select 1,\n8 |   wrong\n  |   ^\n9 | from t"
        );
        assert_eq!(
            of("select é wrong", Some(10)),
            "7 | select é wrong\n  |          ^"
        );
        assert_eq!(of("\nselect 1\n", None), "8 | select 1");
        assert_eq!(of("a\n\n\nb", Some(5)), "10 | b\n   | ^");
        assert_eq!(of("\tx\u{7}", Some(2)), "7 |  x\n  |  ^");
    }

    #[test]
    fn long_lines_are_cut_around_the_place() {
        let sql = format!("{}wrong{}", "x".repeat(1_000), "y".repeat(1_000));
        let lines = of(&sql, Some(1_001));
        let lines: Vec<&str> = lines.lines().collect();
        assert!(
            lines[0].len() < 110 && lines[0].contains("wrong"),
            "{lines:?}"
        );
        assert_eq!(lines[0].find("wrong"), lines[1].find('^'));
    }

    #[test]
    fn places_behind_the_end() {
        assert_eq!(of("select", Some(7)), "7 | select\n  |       ^");
        assert_eq!(of("", Some(1)), "7 | \n  | ^");
    }
}
