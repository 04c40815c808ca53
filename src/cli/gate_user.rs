//! The database role for gates and probes.

use super::{CliError, settings};

/// The role that gates and probes are asked as.
#[derive(clap::Args, Debug, Clone, Default)]
pub struct GateUserArgs {
    /// Run gates and probes as this role, which may only read [default: PGSEAL_GATE_USER, then the role of --db]
    #[arg(long, value_name = "ROLE")]
    gate_user: Option<String>,
}

impl GateUserArgs {
    /// Value of the flag.
    pub fn given(&self) -> Option<&str> {
        self.gate_user.as_deref()
    }

    /// The role from the flag or the setting, if not empty.
    pub fn named(&self) -> Result<Option<String>, CliError> {
        let set = settings::current().text(settings::Name::GateUser)?;
        let role = self.gate_user.as_deref().or(set);
        Ok(role.filter(|role| !role.is_empty()).map(str::to_owned))
    }
}
