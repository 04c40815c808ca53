//! `pgseal runbook FILE [AUDIENCE]`

use std::collections::BTreeMap;

use super::args::{BundleArgs, VariableArgs, now};
use super::error::CliError;
use super::exit::Exit;
use super::output::{Output, escape_lines};
use crate::bundle::AuthenticatedBundle;
use crate::format::approval::APR_VARIABLE;
use crate::format::manifest::Audience;
use crate::format::statement::title;
use crate::release::order;
use crate::runbook::Facts;
use crate::runbook::page::page;
use crate::trust::{TrustRoot, When, policy};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    bundle: BundleArgs,
    /// owner, operator or auditor
    #[arg(default_value = "operator")]
    audience: Audience,
    #[command(flatten)]
    variables: VariableArgs,
    /// As one HTML page that needs nothing else
    #[arg(long)]
    html: bool,
    /// The template, without the release's facts in it
    #[arg(long, conflicts_with = "html")]
    raw: bool,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let when = When::At(now());
    let (root, bundle) = args.bundle.authenticate(when)?;
    let manifest = bundle.manifest();
    let runbooks = manifest.runbooks.iter().filter(|runbook| runbook.audience == args.audience);
    let mut texts = Vec::new();
    for runbook in runbooks {
        texts.push(bundle.content(&runbook.file)?);
    }
    if texts.is_empty() {
        let message = format!("the release has no runbook for the {}", args.audience);
        return Err(CliError::new(Exit::Usage, message).hint("`pgseal inspect FILE` lists its runbooks"));
    }
    let values = values(args, &root, &bundle, when)?;
    let trust = args.bundle.trust.given().map(std::path::Path::to_string_lossy);
    let facts = Facts {
        manifest,
        id: bundle.release_id(),
        files: bundle.file_count(),
        file: &args.bundle.file.to_string_lossy(),
        trust: trust.as_deref(),
        values: &values,
    };
    let rendered = |text: &[u8]| facts.render(&String::from_utf8_lossy(text)).into_bytes();
    let text = match (args.raw, args.html) {
        (true, _) => texts.concat(),
        (false, false) => texts.iter().map(|text| rendered(text)).collect::<Vec<_>>().concat(),
        (false, true) => {
            let text: Vec<String> = texts.iter().map(|text| facts.render(&String::from_utf8_lossy(text))).collect();
            let title =
                format!("{}: for the {}", title(&manifest.release.name, &manifest.release.version), args.audience);
            page(&title, &escape_lines(&text.join("\n\n---\n\n"))).into_bytes()
        }
    };
    let form = if args.raw {
        "template"
    } else if args.html {
        "html"
    } else {
        "text"
    };
    let words = String::from_utf8_lossy(&text);
    out.document(&serde_json::json!({ "audience": args.audience, "form": form, "text": words }));
    if !out.json {
        out.content(&text)?;
    }
    Ok(Exit::Done)
}

/// The values that the commands are shown with: those that are given, and the code that people have approved.
fn values(
    args: &Args,
    root: &TrustRoot,
    bundle: &AuthenticatedBundle,
    when: When,
) -> Result<BTreeMap<String, String>, CliError> {
    let given = args.variables.values()?;
    order::values(bundle.manifest(), &given, false)?;
    let mut codes = policy::codes(root, bundle.approvals(), when).into_iter();
    let mut values = given;
    if let (Some(code), None) = (codes.next(), codes.next())
        && bundle.takes_apr()
    {
        values.entry(APR_VARIABLE.to_owned()).or_insert_with(|| code.to_string());
    }
    Ok(values)
}
