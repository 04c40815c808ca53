//! Tiers, rollback scripts and verify scripts of the changes.

use std::collections::BTreeMap;

use super::draft::{self, Definitions};
use super::evidence;
use super::naming::{Names, one_line, shorten};
use super::pieces::{self, Pieces, Purpose};
use super::project::{Change, Open, Project, Script, Tool};
use super::records::Kept;
use crate::bundle::undecided::{DECIDE, EMPTY};
use crate::lint::effects::Effects;

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

pub struct Writer<'a> {
    project: &'a Project,
    /// The database has none of the project's changes.
    is_first: bool,
    definitions: Definitions,
    names: Names,
    width: usize,
    pub listed: Listed,
    pub effects: Vec<Effects>,
    /// A tier without a transaction is among those before.
    is_behind: bool,
    /// Evidence of the newest change since that tier.
    pub evidence: Option<String>,
    /// Files by path.
    pub files: BTreeMap<String, String>,
    pub open: Vec<Open>,
}

impl<'a> Writer<'a> {
    pub fn new(project: &'a Project, is_first: bool) -> Self {
        let mut definitions = Definitions::default();
        for change in &project.before {
            let read = pieces::read(&change.up, &project.included, Purpose::Tier, false);
            for (effects, sql) in &read.statements {
                definitions.add(effects, sql);
            }
        }
        Self {
            project,
            is_first,
            definitions,
            names: Names::default(),
            width: project.changes.len().to_string().len().max(2),
            listed: Listed::default(),
            effects: Vec::new(),
            is_behind: false,
            evidence: None,
            files: BTreeMap::new(),
            open: project.open.clone(),
        }
    }

    pub fn change(&mut self, change: &Change, number: usize) {
        let name = self.names.free(&change.name);
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
                false => self.names.free(&format!("{}{part}", shorten(&name, 36))),
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
        for (effects, sql) in &tier.statements {
            self.definitions.add(effects, sql);
        }
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
        self.open.extend(read.refused.iter().cloned());
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
                let draft = draft::draft(effects, &self.definitions, self.is_first);
                let text = match draft.is_empty() {
                    false => text.to_owned(),
                    true => format!(
                        "{}: write one here, since nothing is seen that the tier creates",
                        text.split(':').next().unwrap_or_default()
                    ),
                };
                let open = Open::file(down.map_or(&change.up.file, |down| &down.file), text);
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

    pub fn history(&mut self, kept: Kept) {
        let name = self.names.free("history");
        let (tier, rollback) = (format!("tiers/{name}.sql"), format!("rollback/{name}.sql"));
        self.files.insert(tier.clone(), kept.up);
        let down = self.guarded(&kept.down, false);
        self.files.insert(rollback.clone(), down);
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
        self.open.extend(open.iter().cloned());
        self.files.insert(path.to_owned(), text);
    }
}
