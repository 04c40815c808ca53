//! Reads a script on every way that a run could take, when packing. Conditions over values that
//! only a run knows are decided both ways, each at least once.

use super::error::ScriptError;
use super::position::{Origin, Position};
use super::script::{Files, Script, Step, Ways};
use super::variables::Variables;

/// Maximum number of ways through one script.
pub const MAX_WAYS: usize = 256;

/// Calls `visit` with every step of every way and the way's number, from 1, or with the error that
/// ends the way. Steps shared by several ways are visited once a way.
pub fn explore(
    files: &dyn Files,
    path: &str,
    variables: &Variables,
    mut visit: impl FnMut(usize, Result<(&mut Script<'_>, Step), ScriptError>),
) {
    let mut open = vec![Vec::new()];
    let mut ways = 0;
    while let Some(prescribed) = open.pop() {
        ways += 1;
        if ways > MAX_WAYS {
            let at = Position {
                file: path.into(),
                line: 1,
                column: 1,
            };
            let origin = Origin {
                at,
                included_from: Vec::new(),
            };
            visit(
                ways,
                Err(ScriptError::TooManyWays {
                    limit: MAX_WAYS,
                    origin,
                }),
            );
            return;
        }
        let fresh = prescribed.len();
        let mut script = match Script::open(files, path, variables.clone()) {
            Ok(script) => script,
            Err(error) => return visit(ways, Err(error)),
        };
        script.ways = Some(Ways {
            prescribed,
            taken: Vec::new(),
        });
        loop {
            match script.next_step() {
                Ok(Some(step)) => visit(ways, Ok((&mut script, step))),
                Ok(None) => break,
                Err(error) => {
                    visit(ways, Err(error));
                    break;
                }
            }
        }
        // each condition that this way met first is also decided the other way
        let taken = script
            .ways
            .take()
            .map(|ways| ways.taken)
            .unwrap_or_default();
        for at in fresh..taken.len() {
            let mut other = taken[..at].to_vec();
            other.push(!taken[at]);
            open.push(other);
        }
    }
}
