//! What the command line knows, as data for those who read instructions.

use crate::runbook::{Flag, Program};

/// All commands and flags, from the one definition.
pub fn program() -> Program {
    let mut definition = super::definition();
    definition.build();
    of(&definition)
}

fn of(command: &clap::Command) -> Program {
    let flags = command.get_arguments().filter(|argument| !argument.is_positional()).map(|argument| {
        let names = argument.get_long_and_visible_aliases().unwrap_or_default();
        let hidden = argument.get_all_aliases().unwrap_or_default();
        let long = names.into_iter().chain(hidden).map(str::to_owned).collect();
        Flag { long, short: argument.get_short(), takes_value: argument.get_action().takes_values() }
    });
    Program {
        name: command.get_name().to_owned(),
        aliases: command.get_all_aliases().map(str::to_owned).collect(),
        flags: flags.collect(),
        commands: command.get_subcommands().map(of).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::program;
    use crate::runbook::commands::faults;

    #[test]
    fn the_commands_of_the_facts_exist() {
        let text = "`pgseal gate F --trust T --db \"$DB\" -v a=b`, `pgseal status --db x --json`, `pgseal notarize F`, \
                    `pgseal trust add-key T --role l2`, `pgseal help run`, `pgseal --version`, `pgseal runbook F owner --html`";
        assert_eq!(faults(text, &program()), []);
        assert_eq!(faults("`pgseal gate --dab x`, `pgseal trust ad-key`", &program()).len(), 2);
    }
}
