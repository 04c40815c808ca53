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
    let lines = Lines::of(sql);
    let wanted = character.map_or_else(
        || lines.first_visible(),
        |character| character.saturating_sub(1) as usize,
    );
    let at = lines.holding(wanted);
    let column = wanted - lines.starts[at];
    let from = if column < WIDTH {
        0
    } else {
        column - WIDTH / 2
    };
    let around = at.saturating_sub(1)..(at + 2).min(lines.starts.len());
    let number = |index: usize| line(u32::try_from(lines.starts[index] + 1).unwrap_or(u32::MAX));
    let digits = around
        .clone()
        .map(|index| number(index).to_string().len())
        .max()
        .unwrap_or(1);
    let mut out = Vec::new();
    for index in around {
        let text: String = lines
            .text(sql, index)
            .chars()
            .skip(from)
            .take(WIDTH)
            .map(shown)
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

fn shown(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}

/// Line starts, in characters and in bytes.
struct Lines {
    starts: Vec<usize>,
    bytes: Vec<usize>,
    visible: usize,
}

impl Lines {
    fn of(sql: &str) -> Self {
        let (mut starts, mut bytes, mut visible) = (vec![0], vec![0], None);
        for (count, (byte, c)) in sql.char_indices().enumerate() {
            if c == '\n' {
                starts.push(count + 1);
                bytes.push(byte + 1);
            } else if visible.is_none() && !c.is_whitespace() {
                visible = Some(count);
            }
        }
        Self {
            starts,
            bytes,
            visible: visible.unwrap_or_default(),
        }
    }

    fn first_visible(&self) -> usize {
        self.visible
    }

    fn holding(&self, character: usize) -> usize {
        self.starts
            .partition_point(|start| *start <= character)
            .saturating_sub(1)
    }

    fn text<'s>(&self, sql: &'s str, index: usize) -> &'s str {
        let end = self.bytes.get(index + 1).map_or(sql.len(), |next| next - 1);
        &sql[self.bytes[index]..end]
    }
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
