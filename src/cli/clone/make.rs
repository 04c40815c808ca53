//! `pgseal clone make --db ADMIN_URL --from DATABASE`

use std::num::NonZeroUsize;
use std::path::PathBuf;

use super::super::args::{PassphraseArgs, now};
use super::super::host::operator;
use super::super::{CliError, Exit, Output};
use super::{ServerArgs, Site, show_made, workers};
use crate::record::receipt_key;
use crate::release::rehearse::standing::{self, Made, Make, Signer};
use crate::trust::SecretKey;
use pgseal_verify::digest::hex;
use pgseal_verify::format::fingerprint::Scope;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    server: ServerArgs,
    /// The database to clone, on the server of --db
    #[arg(long, value_name = "DATABASE")]
    from: String,
    /// Name of the clone [default: DATABASE_clone_ and 8 digits]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Fingerprint definitions only, no rows
    #[arg(long)]
    schema_only: bool,
    #[command(flatten)]
    making: MakingArgs,
}

/// How a clone is made, and who signs its marker.
#[derive(clap::Args, Debug)]
pub struct MakingArgs {
    /// Sign the marker with this secret key, of the role receipt
    #[arg(long, value_name = "KEY", required = true)]
    receipt_key: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// Clone by pg_dump and pg_restore even if there are no other connections
    #[arg(long)]
    by_dump: bool,
    /// Number of connections that read rows [default: one a processor, up to 4]
    #[arg(long, value_name = "N")]
    workers: Option<NonZeroUsize>,
}

impl MakingArgs {
    /// Opens the key, which may wait for a passphrase.
    pub fn key(&self) -> Result<SecretKey, CliError> {
        let keys = self
            .passphrase
            .keys(std::slice::from_ref(&self.receipt_key))?;
        let key = keys.into_iter().next();
        key.ok_or_else(|| CliError::usage("no receipt key"))
    }

    pub fn workers(&self) -> NonZeroUsize {
        self.workers.unwrap_or_else(workers)
    }

    /// Fails if the key may not sign markers.
    pub fn may_sign(&self, site: &Site, key: &SecretKey) -> Result<(), CliError> {
        Ok(receipt_key::check(
            &site.root,
            &key.public_key().id(),
            now(),
        )?)
    }

    /// Makes a clone.
    pub fn make(
        &self,
        site: &Site,
        key: &SecretKey,
        source: &str,
        name: Option<&str>,
        scope: &Scope,
    ) -> Result<Made, CliError> {
        self.may_sign(site, key)?;
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(CliError::internal)?;
        let order = Make {
            source,
            name,
            by_dump: self.by_dump,
            scope,
            clone_id: &hex(&random),
            operator: &operator(),
            signer: &Signer {
                root: &site.root,
                key,
            },
        };
        let keeper = site.keeper(self.workers());
        let made = standing::make(&keeper, &order, &mut |step| {
            site.notifier.line(step.to_owned());
        });
        made.map_err(|error| site.told(error))
    }
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let key = args.making.key()?;
    let site = args.server.site("clone make", out)?;
    let scope = match args.schema_only {
        true => Scope::Schema,
        false => Scope::All,
    };
    let name = args.name.as_deref();
    let made = args.making.make(&site, &key, &args.from, name, &scope)?;
    show_made(&made.clone, &made.remarks, out);
    Ok(Exit::Done)
}
