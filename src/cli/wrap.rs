//! Lines broken between words, for terminals.

/// Number of columns that a text takes; colours take none.
pub fn columns(text: &str) -> usize {
    let mut in_colour = false;
    let seen = text.chars().filter(|c| {
        let hidden = in_colour || *c == '\u{1b}';
        in_colour = hidden && *c != 'm';
        !hidden
    });
    seen.count()
}

/// Breaks lines that are wider than `width`. Their further lines are indented by four more columns.
/// A command in backquotes stays in one piece if it fits a line, and a word always does, so that
/// both can be copied.
pub fn wrap(text: &str, width: usize) -> String {
    let lines = text.split('\n').map(|line| {
        let indent = line.len() - line.trim_start_matches(' ').len();
        line_of(line, width, indent + 4)
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Breaks one line, with `indent` columns before its further lines.
pub fn line_of(line: &str, width: usize, indent: usize) -> String {
    if columns(line) <= width {
        return line.to_owned();
    }
    let start = line.len() - line.trim_start_matches(' ').len();
    let (mut whole, mut at) = (line[..start].to_owned(), start);
    let mut is_first = true;
    for (gap, word) in pieces(&line[start..], width.saturating_sub(indent)) {
        let more = columns(&word);
        if !is_first && at + gap + more > width {
            // A long path has the line for itself, and the first column stays pgseal's own.
            at = if indent + more > width { 1 } else { indent };
            whole.push('\n');
            whole.push_str(&" ".repeat(at));
        } else {
            whole.push_str(&" ".repeat(gap));
            at += gap;
        }
        whole.push_str(&word);
        at += more;
        is_first = false;
    }
    whole
}

/// Words with the number of blanks before them; a command in backquotes is one word if it fits.
fn pieces(line: &str, width: usize) -> Vec<(usize, String)> {
    let mut pieces: Vec<(usize, String)> = Vec::new();
    let (mut gap, mut is_open) = (0, false);
    for word in line.split(' ') {
        if word.is_empty() {
            gap += 1;
            continue;
        }
        let is_odd = word.matches('`').count() % 2 == 1;
        let room = |last: &String| columns(last) + 1 + columns(word) <= width;
        match pieces.last_mut() {
            Some((_, last)) if is_open && room(last) => {
                last.push_str(&" ".repeat(gap.max(1)));
                last.push_str(word);
            }
            _ => pieces.push((gap, word.to_owned())),
        }
        is_open ^= is_odd;
        gap = 1;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words() {
        assert_eq!(wrap("fits", 4), "fits");
        assert_eq!(wrap("one two three", 9), "one two\n    three");
        assert_eq!(wrap("  a bb cc\nc", 8), "  a bb\n      cc\nc");
        assert_eq!(wrap("a  bb   cc", 7), "a  bb\n    cc");
    }

    #[test]
    fn words_and_commands_stay_whole() {
        assert_eq!(wrap("see /a/long/path", 8), "see\n /a/long/path");
        let text = "next: try `run --resume` now";
        assert_eq!(wrap(text, 20), "next: try\n    `run --resume`\n    now");
        // A command that fits no line is broken like other text.
        assert_eq!(wrap("`a bb ccc dddd`", 9), "`a bb ccc\n    dddd`");
    }

    #[test]
    fn colours_take_no_room() {
        let red = "\u{1b}[31;1merror\u{1b}[0m";
        assert_eq!(columns(red), 5);
        let line = format!("{red} ab");
        assert_eq!(wrap(&line, 8), line);
    }
}
