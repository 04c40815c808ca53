//! The files of a release directory, from the changes of another tool.

use std::collections::{BTreeMap, BTreeSet};

use super::pieces::{self, Pieces, Purpose};
use super::probes::{Probe, probes};
use super::project::{Change, Open, Project, Range, Script, Tool};
use super::{ImportError, draft, evidence, history, manifest, page};
use crate::bundle::undecided::{DECIDE, EMPTY};
use crate::lint::effects::Effects;
use pgseal_verify::format::name::Name;

/// The wishes of the caller.
pub struct Order {
    /// Name of the release.
    pub name: Name,
    pub range: Range,
    pub database: Option<String>,
    /// The release also writes the other tool's history.
    pub keep_history: bool,
    /// The name of `--from` in the history; set by [`write()`].
    pub from_id: Option<String>,
}

/// A release directory in memory.
pub struct Written {
    pub files: BTreeMap<String, String>,
    /// Number of imported changes.
    pub changes: usize,
    /// Points that a person has to decide; `lint` refuses the release until then.
    pub open: Vec<Open>,
}

/// One `[[tier]]`.
pub struct Tier {
    pub name: String,
    pub file: String,
    pub about: String,
    pub alone: bool,
}

/// Everything that release.toml lists.
#[derive(Default)]
pub struct Listed {
    pub tiers: Vec<Tier>,
    /// In the order of the tiers.
    pub rollback: Vec<String>,
    /// Name and file.
    pub verify: Vec<(String, String)>,
}

struct Writer<'a> {
    project: &'a Project,
    names: BTreeSet<String>,
    width: usize,
    listed: Listed,
    effects: Vec<Effects>,
    /// A tier without a transaction is among those before.
    is_behind: bool,
    /// Evidence of the newest change since that tier.
    evidence: Option<String>,
    written: Written,
}

/// Writes the changes of a range.
pub fn write(mut project: Project, mut order: Order) -> Result<Written, ImportError> {
    if let Some(from) = &order.range.from {
        let mut known = project.changes.iter();
        let found = known.find(|change| change.ids.contains(from));
        order.from_id = found.map(|change| change.id().to_owned());
    }
    project.narrow(&order.range)?;
    let kept = match order.keep_history {
        true => Some(history::keep(&project, order.from_id.as_deref())?),
        false => None,
    };
    let mut writer = Writer {
        project: &project,
        names: BTreeSet::new(),
        width: project.changes.len().to_string().len().max(2),
        listed: Listed::default(),
        effects: Vec::new(),
        is_behind: false,
        evidence: None,
        written: Written {
            files: project.included.clone(),
            changes: project.changes.len(),
            open: project.open.clone(),
        },
    };
    for (change, number) in project.changes.iter().zip(1..) {
        writer.change(change, number);
    }
    if let Some(kept) = kept {
        writer.evidence = history::evidence(&project, order.from_id.as_deref());
        writer.history(kept);
    }
    let mut open = project.open.clone();
    if order.database.is_none() && project.database.is_none() {
        let text = "the source names no database: write the right one into [target]";
        open.push(Open::file("release.toml", text));
        writer.written.open.extend(open.last().cloned());
    }
    let Writer {
        listed,
        effects,
        mut written,
        ..
    } = writer;
    let (baseline, finalized) = probes(&project, &effects, &order).unwrap_or_else(|| {
        let text =
            "nothing was seen that tells the states apart: write probes of baseline and finalized";
        written
            .open
            .push(Open::file("verify/baseline_probe.sql", text));
        let mark = format!("{DECIDE}{text}\n");
        let probe = |value: bool| Probe {
            sql: format!("{mark}select {value} as imported;\n"),
            expect: format!("imported = {value}"),
        };
        (probe(false), probe(true))
    });
    let toml = manifest::toml(
        &project,
        &order,
        &listed,
        &open,
        (&baseline.expect, &finalized.expect),
    );
    let files = &mut written.files;
    files.insert("release.toml".to_owned(), toml);
    files.insert("verify/baseline_probe.sql".to_owned(), baseline.sql);
    files.insert("verify/finalized_probe.sql".to_owned(), finalized.sql);
    let page = page::page(&project, &order, &listed, &written.open);
    written.files.insert("IMPORT.md".to_owned(), page);
    Ok(written)
}

impl Writer<'_> {
    fn change(&mut self, change: &Change, number: usize) {
        let name = self.name(&change.name);
        let file = format!("{number:0width$}_{name}", width = self.width);
        let tier = self.read(&change.up, Purpose::Tier, change.alone);
        let mut marks: Vec<Open> = change.open.clone();
        marks.extend(tier.open.iter().cloned());
        let is_empty = tier.is_empty;
        for (piece, part) in tier.pieces.iter().zip(1_usize..) {
            let part = if part == 1 {
                String::new()
            } else {
                format!("-{part}")
            };
            // The paths of includes count from the driver.
            let file = match self.project.tool {
                Tool::Psql => change.up.file.clone(),
                _ => format!("tiers/{file}{part}.sql"),
            };
            let name = match part.is_empty() {
                true => name.clone(),
                false => self.name(&format!("{}{part}", shorten(&name, 36))),
            };
            self.script(
                &file,
                &std::mem::take(&mut marks),
                is_empty.then_some(&change.up),
                &piece.sql,
            );
            self.listed.tiers.push(Tier {
                name,
                file,
                about: change.note.clone(),
                alone: piece.alone,
            });
        }
        let own = evidence::evidence(&tier.effects);
        self.evidence = own.or(self.evidence.take());
        self.rollback(change, &format!("rollback/{file}.sql"), &tier.effects);
        // The next transaction commits by itself.
        if tier.pieces.iter().any(|piece| piece.alone) {
            (self.is_behind, self.evidence) = (true, None);
        }
        self.effects.extend(tier.effects);
        if let Some(verify) = &change.verify {
            let read = self.read(verify, Purpose::Verify, false);
            // sqitch begins each verify script as a stub.
            if !read.is_empty {
                let path = format!("verify/{file}.sql");
                let sql = read.pieces.first().map_or("", |piece| &piece.sql);
                self.script(&path, &[], None, sql);
                self.listed.verify.push((name, path));
            }
        }
    }

    fn read(&mut self, script: &Script, purpose: Purpose, alone: bool) -> Pieces {
        let read = pieces::read(script, &self.project.included, purpose, alone);
        // A variable of the project is declared in release.toml.
        self.written.open.extend(read.refused.iter().cloned());
        read
    }

    fn rollback(&mut self, change: &Change, path: &str, effects: &[Effects]) {
        let down = change.down.as_ref();
        let read = down.map(|down| self.read(down, Purpose::Rollback, false));
        let creates = effects.iter().any(|effects| !effects.created.is_empty());
        match (down, read) {
            (Some(down), Some(read)) if !read.is_empty || !creates => {
                let sql = read.pieces.first().map_or("", |piece| &piece.sql);
                let sql = self.guarded(sql, read.is_empty);
                self.script(path, &[], read.is_empty.then_some(down), &sql);
            }
            (down, _) => {
                let text = match down {
                    Some(_) => {
                        "the way back of the source is empty: check this draft, which drops what the tier is seen to create"
                    }
                    None => {
                        "the source has no way back: check this draft, which drops what the tier is seen to create"
                    }
                };
                let open = Open::file(down.map_or(&change.up.file, |down| &down.file), text);
                let draft = draft::draft(effects);
                let sql = self.guarded(&draft, draft.is_empty());
                self.script(path, &[open], None, &sql);
            }
        }
        self.listed.rollback.push(path.to_owned());
    }

    /// Behind a commit point, a rollback script asks whether its change ran.
    fn guarded(&self, sql: &str, is_empty: bool) -> String {
        match &self.evidence {
            Some(evidence) if self.is_behind && !is_empty => evidence::guarded(evidence, sql),
            _ => sql.to_owned(),
        }
    }

    fn history(&mut self, kept: history::Kept) {
        let name = self.name("history");
        let (tier, rollback) = (format!("tiers/{name}.sql"), format!("rollback/{name}.sql"));
        self.written.files.insert(tier.clone(), kept.up);
        let down = self.guarded(&kept.down, false);
        self.written.files.insert(rollback.clone(), down);
        self.listed.tiers.push(Tier {
            name,
            file: tier,
            about: format!(
                "Records the changes in the history of {}.",
                self.project.tool.as_str()
            ),
            alone: false,
        });
        self.listed.rollback.push(rollback);
    }

    /// Adds a script with its marks.
    fn script(&mut self, path: &str, open: &[Open], empty: Option<&Script>, sql: &str) {
        let mut text = String::new();
        for open in open {
            text.push_str(&format!("{DECIDE}{}\n", one_line(&open.to_string())));
        }
        if let Some(source) = empty {
            text.push_str(&format!(
                "{EMPTY}{} has no statement\n",
                one_line(&source.file)
            ));
        }
        text.push_str(sql);
        if !text.ends_with('\n') {
            text.push('\n');
        }
        self.written.open.extend(open.iter().cloned());
        self.written.files.insert(path.to_owned(), text);
    }

    /// A name of a tier that no other has.
    fn name(&mut self, words: &str) -> String {
        let base = shorten(&slug(words), 40);
        let numbered = (2..).map(|n: usize| format!("{}-{n}", shorten(&base, 35)));
        let mut names = std::iter::once(base.clone()).chain(numbered);
        let free = names.find(|name| !self.names.contains(name));
        let name = free.unwrap_or(base);
        self.names.insert(name.clone());
        name
    }
}

/// Words as a name: small letters, digits, `-` and `_`.
pub fn slug(words: &str) -> String {
    let fits = |c: char| match c {
        'A'..='Z' => c.to_ascii_lowercase(),
        'a'..='z' | '0'..='9' | '-' | '_' => c,
        _ => '_',
    };
    let text: String = words.chars().map(fits).collect();
    match text.trim_matches(['_', '-']) {
        "" => "change".to_owned(),
        text => text.to_owned(),
    }
}

fn shorten(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// Text of a source inside of a comment.
pub fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
