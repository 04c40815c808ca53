//! `pgseal completions SHELL`, and the hidden command that its scripts call

mod values;

use std::ffi::OsString;

use clap_complete::Shell;
use clap_complete::engine::CompletionCandidate;

use super::{CliError, Exit, Output};

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Which shell
    shell: Shell,
}

/// Words of a command line, and the one to complete.
#[derive(clap::Args, Debug)]
pub struct CompleteArgs {
    /// Index of the word
    index: usize,
    /// All words, with the program's
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

/// Scripts that ask the program for candidates, values included.
const SCRIPTS: [(Shell, &str); 3] = [
    (Shell::Bash, include_str!("completions/pgseal.bash")),
    (Shell::Zsh, include_str!("completions/pgseal.zsh")),
    (Shell::Fish, include_str!("completions/pgseal.fish")),
];

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let asking = SCRIPTS.iter().find(|(shell, _)| *shell == args.shell);
    let mut bytes = Vec::new();
    match asking {
        Some((_, script)) => bytes.extend_from_slice(script.as_bytes()),
        // A script of fixed words.
        None => {
            let mut definition = super::definition();
            clap_complete::generate(args.shell, &mut definition, "pgseal", &mut bytes);
        }
    }
    out.content(&bytes)?;
    Ok(Exit::Done)
}

/// Prints the candidates, one a line.
pub fn complete(args: CompleteArgs, out: Output) -> Result<Exit, CliError> {
    let mut definition = values::with_values(super::definition());
    let word = args.words.get(args.index);
    let is_flag = |text: &[u8]| text.starts_with(b"-");
    let wants_flag = word.is_some_and(|word| is_flag(word.as_encoded_bytes()));
    let dir = std::env::current_dir().ok();
    let found =
        clap_complete::engine::complete(&mut definition, args.words, args.index, dir.as_deref());
    let found = found.map_err(CliError::internal)?;
    let values = found.iter().map(CompletionCandidate::get_value);
    // Flags are named where there is nothing else, or when one is begun.
    let has_values = values
        .clone()
        .any(|value| !is_flag(value.as_encoded_bytes()));
    let only_values = has_values && !wants_flag;
    for value in values.filter(|value| !only_values || !is_flag(value.as_encoded_bytes())) {
        // A line break would be two candidates.
        if let Some(value) = value.to_str().filter(|value| !value.contains('\n')) {
            out.bytes(format!("{value}\n").as_bytes())?;
        }
    }
    Ok(Exit::Done)
}
