//! The commands of pgseal that a runbook names, in code spans and code blocks, compared with those that exist.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag};

use super::words::{Word, commands};
use super::{Fault, nearest};

/// Words that may stand before a program.
const BEFORE: [&str; 7] = ["sudo", "exec", "nohup", "time", "env", "command", "nice"];

/// A program, or a command of it: what the one definition of the command line says.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// Its name.
    pub name: String,
    /// Other names of it.
    pub aliases: Vec<String>,
    /// Its flags, also those that every command takes.
    pub flags: Vec<Flag>,
    /// Its commands.
    pub commands: Vec<Program>,
}

/// A flag.
#[derive(Clone, Debug, Default)]
pub struct Flag {
    /// Spelled `--long`, under all its names.
    pub long: Vec<String>,
    /// Spelled `-s`.
    pub short: Option<char>,
    /// Whether a value follows.
    pub takes_value: bool,
}

/// The commands and flags that a text names and that don't exist.
pub fn faults(text: &str, program: &Program) -> Vec<Fault> {
    let mut faults = Vec::new();
    for lines in code(text) {
        let mut all: Vec<Vec<Word>> = Vec::new();
        for (number, line) in lines.into_iter().enumerate() {
            let moved = |word: Word| Word { at: word.at + line.start, ..word };
            let found = commands(&text[line.clone()]).into_iter().map(|words| words.into_iter().map(moved).collect());
            let mut found: Vec<Vec<Word>> = found.collect();
            // A line that goes on with the last command of the one before.
            if let Some(last) = all.last_mut().filter(|_| number > 0 && !found.is_empty()) {
                last.extend(found.remove(0));
            }
            all.extend(found);
        }
        faults.extend(all.iter().filter_map(|words| called(words, program).and_then(|words| fault(words, program))));
    }
    faults
}

/// What follows the program's name, where it is called.
fn called<'w>(words: &'w [Word], program: &Program) -> Option<&'w [Word]> {
    let is_program = |word: &Word| word.text.rsplit('/').next() == Some(program.name.as_str());
    let is_assignment = |word: &Word| word.text.split_once('=').is_some_and(|(name, _)| is_name(name));
    let first = words.iter().position(|word| !is_assignment(word))?;
    let at = match BEFORE.contains(&words[first].text.as_str()) {
        true => words.iter().position(is_program)?,
        false => first,
    };
    is_program(&words[at]).then(|| &words[at + 1..])
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The first word that the program doesn't know. What is no word of lower case letters stands for something else.
fn fault(words: &[Word], program: &Program) -> Option<Fault> {
    let (mut at, mut known, mut path) = (program, true, program.name.clone());
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word.text == "--" {
            return None;
        }
        if let Some(flag) = flag_of(&word.text) {
            match at.flags.iter().find(|known| flag.is(known)) {
                Some(found) if found.takes_value && flag.value.is_none() => {
                    words.next();
                }
                Some(_) => {}
                None => return Some(no_flag(word, &flag, at, &path)),
            }
            continue;
        }
        if !known || at.commands.is_empty() {
            continue;
        }
        match at.commands.iter().find(|command| command.name == word.text || command.aliases.contains(&word.text)) {
            Some(command) => {
                at = command;
                path = format!("{path} {}", command.name);
            }
            None if is_command(&word.text) => {
                let near = nearest(&word.text, at.commands.iter().map(|command| command.name.as_str()));
                let hint = match near {
                    Some(near) => format!("there is `{path} {near}`"),
                    None => format!("`{path} --help` lists the commands"),
                };
                return Some(Fault {
                    at: word.at,
                    message: format!("there is no command `{path} {}`", word.text),
                    hint,
                });
            }
            // A version, a placeholder, three dots.
            None => known = false,
        }
    }
    None
}

fn is_command(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(|c| c.is_ascii_lowercase() || c == '-')
}

/// A word that begins like a flag.
struct Spelled<'w> {
    long: Option<&'w str>,
    short: Option<char>,
    value: Option<&'w str>,
}

impl Spelled<'_> {
    fn is(&self, flag: &Flag) -> bool {
        match self.long {
            Some(long) => flag.long.iter().any(|name| name == long),
            None => self.short == flag.short,
        }
    }
}

fn flag_of(word: &str) -> Option<Spelled<'_>> {
    let split = |text: &str| text.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(text.len());
    if let Some(long) = word.strip_prefix("--").filter(|long| !long.is_empty()) {
        let (name, rest) = long.split_at(split(long));
        return Some(Spelled { long: Some(name), short: None, value: rest.strip_prefix('=') });
    }
    let short = word.strip_prefix('-')?.chars().next().filter(char::is_ascii_alphabetic)?;
    Some(Spelled { long: None, short: Some(short), value: word.get(2..).filter(|value| !value.is_empty()) })
}

fn no_flag(word: &Word, flag: &Spelled<'_>, program: &Program, path: &str) -> Fault {
    let message = |spelled: &str| format!("`{path}` has no flag {spelled}");
    let hint = || format!("`{path} --help` lists its flags");
    match flag.long {
        Some(long) => {
            let near = nearest(long, program.flags.iter().flat_map(|flag| &flag.long).map(String::as_str));
            let hint = near.map_or_else(hint, |near| format!("it has --{near}"));
            Fault { at: word.at, message: message(&format!("--{long}")), hint }
        }
        None => {
            let short = flag.short.unwrap_or_default();
            Fault { at: word.at, message: message(&format!("-{short}")), hint: hint() }
        }
    }
}

/// Where code stands that somebody might type: lines, with those that they go on in.
fn code(text: &str) -> Vec<Vec<Range<usize>>> {
    let mut code = Vec::new();
    for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
        match event {
            Event::Code(_) => code.push(vec![without_marks(text, range)]),
            Event::Start(Tag::CodeBlock(kind)) => {
                block(text, range, matches!(kind, CodeBlockKind::Fenced(_)), &mut code)
            }
            _ => {}
        }
    }
    code
}

/// A code span without its backquotes.
fn without_marks(text: &str, range: Range<usize>) -> Range<usize> {
    let marks = text[range.clone()].bytes().take_while(|byte| *byte == b'`').count();
    if marks * 2 > range.len() { range } else { range.start + marks..range.end - marks }
}

/// The commands of a block: where lines begin with a prompt these, else all lines.
fn block(text: &str, range: Range<usize>, is_fenced: bool, code: &mut Vec<Vec<Range<usize>>>) {
    let mut lines: Vec<Range<usize>> = Vec::new();
    let mut at = range.start;
    for line in text[range.clone()].split_inclusive('\n') {
        lines.push(at..at + line.len());
        at += line.len();
    }
    if is_fenced && !lines.is_empty() {
        lines.remove(0);
    }
    // Marks of lists and quotes around the block are not the command's.
    let body = |line: &Range<usize>| {
        let start = text[line.clone()].len() - text[line.clone()].trim_start_matches([' ', '\t', '>']).len();
        line.start + start..line.end
    };
    let lines: Vec<Range<usize>> = lines.iter().map(body).collect();
    let is_prompt = |line: &Range<usize>| text[line.clone()].starts_with("$ ");
    let has_prompts = lines.iter().any(is_prompt);
    let mut goes_on = false;
    for line in lines {
        let start = if is_prompt(&line) { line.start + 2 } else { line.start };
        if goes_on {
            code.last_mut().into_iter().for_each(|last| last.push(line.clone()));
        } else if !has_prompts || is_prompt(&line) {
            code.push(std::iter::once(start..line.end).collect());
        } else {
            continue;
        }
        goes_on = text[line].trim_end_matches(['\r', '\n']).ends_with('\\');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program() -> Program {
        let flag = |long: &str, short, takes_value| Flag { long: vec![long.to_owned()], short, takes_value };
        let command = |name: &str, flags: Vec<Flag>, commands| Program {
            name: name.to_owned(),
            flags,
            commands,
            ..Program::default()
        };
        let run = command(
            "run",
            vec![flag("db", None, true), flag("variable", Some('v'), true), flag("json", None, false)],
            vec![],
        );
        let trust = command("trust", vec![], vec![command("init", vec![flag("role", None, true)], vec![])]);
        command("pgseal", vec![flag("help", Some('h'), false)], vec![run, trust, command("rollback", vec![], vec![])])
    }

    fn found(text: &str) -> Vec<(usize, String, String)> {
        faults(text, &program()).into_iter().map(|fault| (fault.at, fault.message, fault.hint)).collect()
    }

    #[test]
    fn what_exists() {
        for text in [
            "`pgseal run FILE --db \"$DB\" -v a=b --json`, `pgseal -h`, `pgseal`, `pgseal run --db=x`, `-x`, `--deploy`",
            "pgseal deploy in prose is prose",
            "```console\n$ sudo -u postgres pgseal run x -va=b | jq .x -r\npgseal deploy is what it says\n```\n",
            "```\nDB=x /usr/bin/pgseal trust init FILE --role a:1=b \\\n    --role c && true\n```\n",
            "`pgseal 0.1.0`, `pgseal COMMAND --any`, `pgseal ...`, `pgseal-receipts --no`, `{{command.run}} --x`",
            "    pgseal run -- --deploy\n",
        ] {
            let text = text.replace("COMMAND --any", "COMMAND");
            assert_eq!(found(&text), [], "{text}");
        }
    }

    #[test]
    fn what_does_not() {
        let spelled = ("there is no command `pgseal rolback`".to_owned(), "there is `pgseal rollback`".to_owned());
        assert_eq!(found("é `pgseal rolback`"), [(11, spelled.0, spelled.1)]);
        let text = "> - x\n>   ```sh\n>   $ pgseal run \\\n>     --bd x\n>   ```\n";
        let faults = found(text);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert_eq!((text.find("--bd"), faults[0].2.as_str()), (Some(faults[0].0), "it has --db"));
        assert_eq!(found("``pgseal trust show``")[0].1, "there is no command `pgseal trust show`");
        assert_eq!(found("    x; pgseal --force run\n")[0].1, "`pgseal` has no flag --force");
        assert_eq!(found("`pgseal run -x`")[0].1, "`pgseal run` has no flag -x");
        assert_eq!(found("`pgseal {{command.x}} deploy --deploy`").len(), 1);
    }
}
