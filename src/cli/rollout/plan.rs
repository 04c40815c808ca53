//! Reads the plan, and the databases that it means.

use std::path::Path;

use super::Options;
use crate::cli::{CliError, ResultExt as _, connection};
use crate::database::Connect;
use crate::postgres::Parameters;
use crate::rollout::plan::{Databases, Plan, PlanError, Query, check_list};
use crate::rollout::query;
use crate::trust::TrustRoot;
use pgseal_verify::format::manifest::Manifest;

/// Largest file that can be a plan.
const BYTES: u64 = 4 << 20;

/// Reads a plan.
pub fn read(path: &Path) -> Result<Plan, CliError> {
    let size = path.metadata().at(path)?.len();
    if size > BYTES {
        return Err(CliError::usage("it is too large for a plan").about(path));
    }
    let bytes = std::fs::read(path).at(path)?;
    Plan::parse(&bytes).map_err(|error| wrong(&error).about(path))
}

fn wrong(error: &PlanError) -> CliError {
    let hint = match error {
        PlanError::TooMany(_) => {
            "write several plans; `pgseal rollout merge RECEIPT...` merges their receipts"
        }
        PlanError::Empty => "nothing was run",
        _ => "`pgseal help rollouts` shows a plan",
    };
    CliError::usage(error).hint(hint)
}

/// The connection strings of the plan's databases, in order.
pub fn databases(
    plan: &Plan,
    options: &Options,
    (root, manifest): (&TrustRoot, &Manifest),
) -> Result<Vec<String>, CliError> {
    let databases = match &plan.databases {
        Databases::List(list) => {
            for text in list {
                let parameters = parsed(text)?;
                let is_named =
                    |keyword| parameters.get(keyword).is_some_and(|name| !name.is_empty());
                // Settings or the name of the role would choose one, and another one later.
                if !is_named("dbname") && !is_named("service") {
                    let text = format!("a connection of the plan names no database: {text:?}");
                    return Err(CliError::usage(text).hint("nothing was run"));
                }
            }
            list.clone()
        }
        Databases::Query(query) => asked(query, options, (root, manifest))?,
    };
    check_list(&databases).map_err(|error| wrong(&error))?;
    Ok(databases)
}

/// Parses a connection string, which may have no password: journal and receipt show it.
fn parsed(text: &str) -> Result<Parameters, CliError> {
    let parameters = Parameters::parse(text).map_err(|error| connection::wrong(&error))?;
    let is_secret = parameters.has("password") || parameters.has("sslpassword");
    match is_secret {
        true => Err(CliError::usage("a connection of the plan has a password")
            .hint("write passwords to ~/.pgpass or a service file; journal and receipt show the connections")),
        false => Ok(parameters),
    }
}

/// Asks for names of databases. All of them are on the server of the query: an owner of a database
/// could give it the name of a connection string that leads elsewhere.
fn asked(
    query: &Query,
    options: &Options,
    (root, manifest): (&TrustRoot, &Manifest),
) -> Result<Vec<String>, CliError> {
    let parameters = parsed(&query.db)?;
    let gate_user = options.gate_user.named()?;
    let connector = connection::connector_of(parameters.clone(), gate_user.as_deref())?;
    let connect: &dyn Connect = &connector;
    let limits = options.limits.within(&manifest.limits)?;
    let name = "query".parse().map_err(CliError::internal)?;
    let names = query::names(
        connect,
        (&query.sql, &name),
        &limits,
        root.policy().gate_role,
    )?;
    let named = |name: String| {
        if name.is_empty() {
            return Err(CliError::usage("the plan's query returned an empty name"));
        }
        let mut parameters = parameters.clone();
        let set = parameters.set("dbname", &name);
        set.map_err(|error| connection::wrong(&error))?;
        Ok(parameters.to_text())
    };
    names.into_iter().map(named).collect()
}
