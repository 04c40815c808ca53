//! The machine and the person that pgseal runs for, as records name them.

use pgseal_verify::format::receipt::Operator;

/// As the operating system has it; `unknown` where it says nothing.
pub fn operator() -> Operator {
    let unknown = || "unknown".to_owned();
    let user = whoami::username().unwrap_or_else(|_| unknown());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").map(|name| name.trim().to_owned());
    Operator { user, host: host.unwrap_or_else(|_| unknown()) }
}
