//! psql's stack of `\if`, `\elif`, `\else` and `\endif` (`conditional.c`, `command.c`), one for
//! each file.

use super::position::Origin;
use super::scanner::Depth;

/// State of one `\if` block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In a branch that is taken.
    Taken,
    /// In a branch that is not taken; a later one may be.
    NotYet,
    /// After the taken branch, or the whole block is inside of a branch that is not taken.
    Over,
    ElseTaken,
    ElseOver,
}

struct Block {
    state: State,
    origin: Origin,
    /// The query text to restore at the end of a branch that is not taken.
    kept: Kept,
}

/// Extent of the statement before a branch.
#[derive(Clone, Default)]
pub(super) struct Kept {
    pub length: usize,
    pub depth: Depth,
    pub joined: bool,
}

/// Treatment of the query text at the end of a branch.
pub(super) enum Text {
    /// The branch was taken: its text stays.
    Keep,
    /// The branch was not taken: restore this text.
    Back(Kept),
}

/// The open blocks of a file, innermost last.
#[derive(Default)]
pub(super) struct Conditions(Vec<Block>);

impl Conditions {
    /// True if statements and commands are executed here.
    pub fn active(&self) -> bool {
        self.0
            .last()
            .is_none_or(|block| matches!(block.state, State::Taken | State::ElseTaken))
    }

    /// Source location of the innermost open block's `\if`.
    pub fn open(&self) -> Option<&Origin> {
        self.0.last().map(|block| &block.origin)
    }

    /// The length of the query text before the innermost branch.
    pub fn kept_length(&self) -> usize {
        self.0.last().map_or(0, |block| block.kept.length)
    }

    /// Number of open blocks.
    pub fn depth(&self) -> usize {
        self.0.len()
    }

    /// Opens a block; `holds` is ignored in a branch that is not taken.
    pub fn begin(&mut self, holds: bool, origin: Origin, kept: Kept) {
        let state = match (self.active(), holds) {
            (false, _) => State::Over,
            (true, true) => State::Taken,
            (true, false) => State::NotYet,
        };
        self.0.push(Block {
            state,
            origin,
            kept,
        });
    }

    /// True if the expression of an `\elif` here is evaluated; an error if `\elif` is not allowed
    /// here.
    pub fn elif_counts(&self) -> Result<bool, &'static str> {
        match self.0.last().map(|block| block.state) {
            None => Err("no matching \\if"),
            Some(State::ElseTaken | State::ElseOver) => Err("cannot occur after \\else"),
            Some(state) => Ok(state == State::NotYet),
        }
    }

    /// Executes `\elif`, after [`Conditions::elif_counts`]. `here` is the text before it.
    pub fn elif(&mut self, holds: bool, here: Kept) -> Text {
        let Some(block) = self.0.last_mut() else {
            return Text::Keep;
        };
        let before = block.state;
        block.state = match before {
            State::NotYet if holds => State::Taken,
            State::NotYet => State::NotYet,
            _ => State::Over,
        };
        Self::leave(block, before, here)
    }

    /// Executes `\else`. `here` is the text before it.
    pub fn otherwise(&mut self, here: Kept) -> Result<Text, &'static str> {
        let block = self.0.last_mut().ok_or("no matching \\if")?;
        let before = block.state;
        block.state = match before {
            State::NotYet => State::ElseTaken,
            State::Taken | State::Over => State::ElseOver,
            State::ElseTaken | State::ElseOver => return Err("cannot occur after \\else"),
        };
        Ok(Self::leave(block, before, here))
    }

    /// Closes the innermost block at `\endif`.
    pub fn end(&mut self) -> Result<Text, &'static str> {
        let block = self.0.pop().ok_or("no matching \\if")?;
        Ok(match block.state {
            State::Taken | State::ElseTaken => Text::Keep,
            State::NotYet | State::Over | State::ElseOver => Text::Back(block.kept),
        })
    }

    fn leave(block: &mut Block, before: State, here: Kept) -> Text {
        if before == State::Taken {
            block.kept = here;
            return Text::Keep;
        }
        Text::Back(block.kept.clone())
    }
}
