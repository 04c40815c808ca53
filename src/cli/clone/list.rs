//! `pgseal clone list`

use super::super::{CliError, Exit, Output, escape};
use super::{ServerArgs, document, workers};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    server: ServerArgs,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let site = args.server.site("clone list", out)?;
    let list = site.keeper(workers()).list();
    let list = list.map_err(|error| site.told(error))?;
    let clones = list.clones.iter().map(|listed| {
        let marker = listed.clone.as_ref().ok();
        let error = listed.clone.as_ref().err();
        serde_json::json!({
            "database": listed.database,
            "marker": marker.map(|clone| document(clone.marker())),
            "error": error.map(ToString::to_string),
        })
    });
    let unasked = list.unasked.iter().map(
        |(database, error)| serde_json::json!({ "database": database, "error": error.to_string() }),
    );
    out.document(&serde_json::json!({
        "clones": clones.collect::<Vec<_>>(),
        "unasked": unasked.collect::<Vec<_>>(),
    }));
    let row = |listed: &crate::release::rehearse::standing::Listed| match &listed.clone {
        Ok(clone) => {
            let marker = clone.marker();
            let release = marker.release.as_ref();
            let release = release.map(|release| format!("{} {}", release.name, release.version));
            vec![
                escape(&listed.database),
                escape(clone.source().unwrap_or("a dump")),
                marker.made.to_string(),
                escape(&release.unwrap_or_default()),
            ]
        }
        Err(error) => vec![
            escape(&listed.database),
            String::new(),
            String::new(),
            escape(&error.to_string()),
        ],
    };
    if list.clones.is_empty() {
        out.line("no standing clone is on this server");
    } else {
        let rows = list.clones.iter().map(row).collect();
        out.table(&["clone", "of", "made", ""], rows);
    }
    for (database, error) in &list.unasked {
        out.warning(escape(&format!("{database} could not be asked: {error}")));
    }
    Ok(Exit::Done)
}
