//! Names of the host and the operator for records.

use pgseal_verify::format::receipt::Operator;

/// The operating system's names, or `unknown` where it has none.
pub fn operator() -> Operator {
    let unknown = || "unknown".to_owned();
    let user = whoami::username().unwrap_or_else(|_| unknown());
    let host =
        std::fs::read_to_string("/proc/sys/kernel/hostname").map(|name| name.trim().to_owned());
    Operator {
        user,
        host: host.unwrap_or_else(|_| unknown()),
    }
}
