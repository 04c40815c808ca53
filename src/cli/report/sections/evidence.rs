//! The evidence as one list, to which every answer links.

use super::super::Report;
use crate::cli::html::{Html, section};
use crate::matrix::words::day_and_time;
use crate::matrix::{Cell, Proof};

/// Every piece once, in the order in which it is first named.
pub struct Evidence<'a>(Vec<&'a Proof>);

impl<'a> Evidence<'a> {
    /// Of all answers.
    pub fn of(report: &'a Report) -> Self {
        let mut all: Vec<&Proof> = Vec::new();
        for proof in report.matrix.cells.iter().flat_map(|cell| &cell.proofs) {
            if !all.contains(&proof) {
                all.push(proof);
            }
        }
        Self(all)
    }

    /// The pieces with their numbers, from 1.
    pub fn numbered(&self) -> impl Iterator<Item = (usize, &'a Proof)> {
        self.0.iter().enumerate().map(|(at, proof)| (at + 1, *proof))
    }

    /// The numbers of an answer's evidence.
    pub fn numbers(&self, cell: &Cell) -> Vec<usize> {
        self.numbered().filter(|(_, proof)| cell.proofs.contains(proof)).map(|(number, _)| number).collect()
    }

    /// Links from an answer to its evidence.
    pub fn links(&self, cell: &Cell, html: &mut Html) {
        for (number, proof) in self.numbered().filter(|(_, proof)| cell.proofs.contains(proof)) {
            let (to, text) = (format!("#evidence-{number}"), format!("[{number}] {}", proof.of.as_str()));
            html.leaf("a", &[("href", &to)], &text);
            html.text(" ");
        }
    }

    /// The list.
    pub fn write(&self, html: &mut Html) {
        if self.0.is_empty() {
            return;
        }
        section(html, "evidence", "The evidence", |html| {
            html.element("ol", &[("class", "evidence")], |html| {
                for (number, proof) in self.numbered() {
                    let id = format!("evidence-{number}");
                    html.element("li", &[("id", &id)], |html| piece(proof, html));
                }
            });
        });
    }
}

fn piece(proof: &Proof, html: &mut Html) {
    html.element("p", &[], |html| {
        let kind = proof.of.as_str();
        let (first, rest) = kind.split_at(1);
        html.leaf("strong", &[], &format!("{}{rest}", first.to_uppercase()));
        html.text(": ");
        html.text(&proof.name);
        if let Some(at) = proof.at {
            html.text(&format!(", {}", day_and_time(at)));
        }
    });
    if let Some(sha256) = proof.sha256 {
        html.element("p", &[("class", "digest")], |html| {
            html.text("SHA-256 ");
            html.leaf("code", &[], &sha256.to_string());
        });
    }
    for key in &proof.keys {
        html.element("p", &[("class", "digest")], |html| {
            html.text("key ");
            html.leaf("code", &[], &key.to_string());
        });
    }
}
