//! Every command line in backquotes in the messages of the sources parses as it is printed.

use std::path::{Path, PathBuf};

use clap::error::ErrorKind;

/// Values for words in capitals and inserted text that an option would not take literally.
const VALUES: [(&str, &str); 14] = [
    ("TIME", "2026-01-01T00:00:00Z"),
    ("ROLE=N", "l2=1"),
    ("ROLE", "l2"),
    ("RELEASE-ID", ID),
    ("PID", "1"),
    ("AUDIENCE", "owner"),
    ("SHELL", "bash"),
    ("RULE", "cannot-be-undone"),
    ("NAME=VALUE", "ticket=OPS-1"),
    ("NAME", "name"),
    ("ADMIN_URL", "postgresql://db1/postgres"),
    ("URL", "postgresql://db1/app"),
    ("A|B", "A"),
    ("TOOL", "sqitch"),
];

const ID: &str = "0000000000000000000000000000000000000000000000000000000000000000";

#[test]
fn hinted_commands_parse() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for path in sources() {
        let text = std::fs::read_to_string(&path).expect("readable");
        for line in lines(&text) {
            seen += 1;
            if let Some(why) = fault(&line) {
                wrong.push(format!("{}: `{line}`: {why}", path.display()));
            }
        }
    }
    assert!(seen > 100, "{seen} lines are too few");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn mistakes_are_found() {
    for line in [
        "pgseal no-such-command FILE",
        "pgseal run FILE --no-such-flag",
        "pgseal run --resume",
        "pgseal trust no-such-command",
    ] {
        assert!(fault(line).is_some(), "{line}");
    }
    let text = "/// `pgseal check FILE`\n// `pgseal no`\nhint(\"then `pgseal run \\\n    --resume FILE`\")";
    assert_eq!(
        lines(text),
        ["pgseal check FILE", "pgseal run --resume FILE"]
    );
}

/// All sources with messages.
fn sources() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut left = vec![root.join("src"), root.join("crates/pgseal-verify/src")];
    let mut files = Vec::new();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).expect("a directory");
            left.extend(entries.map(|entry| entry.expect("an entry").path()));
        } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("hints.rs") {
            files.push(path);
        }
    }
    files
}

/// The command lines in backquotes, without comments; help texts are `///`.
fn lines(source: &str) -> Vec<String> {
    let is_text = |line: &&str| !line.starts_with("//") || line.starts_with("///");
    let kept = source.lines().map(str::trim_start).filter(is_text);
    let text: Vec<&str> = kept.map(|line| line.trim_start_matches("/// ")).collect();
    let text = text.join("\n").replace("\\\n", "");
    let after = text.split('`').skip(1);
    let commands = after.filter(|part| {
        part.starts_with("pgseal ") && !part.starts_with("pgseal {") && part.len() < 200
    });
    commands.map(|part| part.replace('\n', " ")).collect()
}

/// The reason why a line can't be typed. A command's name alone is a mention.
fn fault(line: &str) -> Option<String> {
    let words = words(line);
    let is_name = |word: &String| word.starts_with(|c: char| c.is_ascii_lowercase());
    let is_mention = words.iter().all(is_name);
    let error = super::definition().try_get_matches_from(&words).err()?;
    let ends_well = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => true,
        ErrorKind::MissingRequiredArgument
        | ErrorKind::MissingSubcommand
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => is_mention,
        _ => false,
    };
    let text = error.to_string();
    (!ends_well).then(|| text.lines().next().unwrap_or_default().to_owned())
}

/// The words of a line, with values in place of inserted text and of words in capitals.
fn words(line: &str) -> Vec<String> {
    // `add-key / retire / revoke`: the first stands for the others.
    let line = line.split(" / ").next().unwrap_or_default();
    let plain = line.replace(['[', ']'], " ").replace("...", " ");
    let mut words = Vec::new();
    for word in plain.split_whitespace() {
        match word.split_once('{') {
            Some(("", _)) => words.push("x".to_owned()),
            Some((word, _)) => words.push(word.to_owned()),
            None if word == "|" => {
                words.pop();
            }
            None => {
                let value = VALUES.iter().find(|(name, _)| *name == word);
                words.push(value.map_or(word, |(_, value)| value).to_owned());
            }
        }
    }
    words
}
