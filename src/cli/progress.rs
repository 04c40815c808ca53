//! Progress of a run: a moving line on a terminal, plain lines otherwise. All of it goes to stderr.

use std::fmt;
use std::sync::LazyLock;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};

use super::{Output, Paint, escape};
use super::{events, output};
use crate::database::Notice;
use crate::release::event::BackgroundObserver;
use crate::release::waiting::Blocked;
use crate::release::{Event, Observer};
use psql_script::Position;

/// The moving lines of this process.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// Asks the operator, without a moving line meanwhile.
pub fn suspended<T>(ask: impl FnOnce() -> T) -> T {
    BARS.suspend(ask)
}

/// Room for the name of a tier on a terminal of 80 columns.
const LONG_NAME: usize = 32;

/// Printer of run events.
pub struct Progress {
    out: Output,
    bar: Option<ProgressBar>,
    tier: String,
    /// Whether a line has named the tier, as it must before its first notice.
    is_named: bool,
    /// Statements of the tier so far.
    statements: usize,
    /// Buffered lines, printed later or never.
    kept: Option<Vec<String>>,
}

impl Progress {
    /// Draws a moving line only if stderr is a terminal.
    pub fn new(out: Output) -> Self {
        let Notifier { out, bar } = Notifier::drawing(out);
        Self {
            out,
            bar,
            tier: String::new(),
            is_named: true,
            statements: 0,
            kept: None,
        }
    }

    /// Measures the elapsed time from now on.
    pub fn restart(&mut self) {
        if let Some(bar) = &self.bar {
            bar.reset_elapsed();
        }
    }

    /// Buffers all further lines, while a moving line shows `what`, which must be escaped.
    pub fn keep_lines(&mut self, what: &str) {
        self.kept = Some(Vec::new());
        what.clone_into(&mut self.tier);
        self.notifier().moving(|| what.to_owned());
    }

    /// Returns the buffered lines and ends buffering.
    pub fn kept_lines(&mut self) -> Vec<String> {
        self.kept.take().unwrap_or_default()
    }

    /// Removes the moving line.
    pub fn finish(&self) {
        self.notifier().finish();
    }

    /// A printer for lines from other threads.
    pub fn notifier(&self) -> Notifier {
        Notifier {
            out: self.out,
            bar: self.bar.clone(),
        }
    }

    fn line(&mut self, text: String) {
        match &mut self.kept {
            Some(kept) => kept.push(text),
            None => self.notifier().line(text),
        }
    }

    fn notice(&mut self, at: &Position, notice: &Notice) {
        if !std::mem::replace(&mut self.is_named, true) {
            self.line(format!("{}:", self.tier));
        }
        let (message, at) = (escape(&notice.message), escape(&at.to_string()));
        let severity = escape(&notice.severity);
        self.line(format!("    {severity}: {message} ({at})"));
        for (what, more) in [("detail", &notice.detail), ("hint", &notice.hint)] {
            if let Some(more) = more {
                self.line(format!("      {what}: {}", escape(more)));
            }
        }
    }

    fn moving(&mut self, text: impl FnOnce(&str) -> String) {
        // The bar limits how often it is drawn, and draws the time by itself.
        if let Some(bar) = &self.bar {
            bar.set_message(text(&self.tier));
        }
    }
}

/// Room for spinner and time beside the text of a moving line.
const TIME_ROOM: usize = 18;

/// Cuts a text to at most `room` characters, behind a word.
fn cut(text: String, room: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(room) else {
        return text;
    };
    let kept = &text[..end];
    let kept = kept.rfind(' ').map_or(kept, |space| &kept[..space]);
    format!("{} ...", kept.trim_end())
}

/// The moving line, with the time since its begin.
fn style() -> ProgressStyle {
    let style = ProgressStyle::with_template("{spinner} {wide_msg} {time}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
    style.with_key(
        "time",
        |state: &ProgressState, line: &mut dyn fmt::Write| {
            // A terminal that takes nothing has no line.
            let _ = write!(line, "{:.1} s", state.elapsed().as_secs_f64());
        },
    )
}

/// Removes the moving line, so that an error is printed after it.
impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Prints lines from other threads without disturbing the moving line.
#[derive(Clone)]
pub struct Notifier {
    out: Output,
    bar: Option<ProgressBar>,
}

impl Notifier {
    /// Without a moving line.
    pub fn plain(out: Output) -> Self {
        Self { out, bar: None }
    }

    /// With a moving line, if stderr is a terminal.
    pub fn drawing(out: Output) -> Self {
        let bar = (output::stderr_is_terminal() && !out.quiet).then(|| {
            let bar = BARS.add(ProgressBar::new_spinner());
            bar.set_style(style());
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self { out, bar }
    }

    /// Changes the moving line and returns whether there is one. The text must be escaped.
    pub fn moving(&self, text: impl FnOnce() -> String) -> bool {
        self.bar
            .as_ref()
            .map(|bar| bar.set_message(text()))
            .is_some()
    }

    /// Prints a line, which must be escaped.
    pub fn line(&self, text: String) {
        match &self.bar {
            Some(bar) => bar.suspend(|| self.out.note(text)),
            None => self.out.note(text),
        }
    }

    /// Prints a warning, which must be escaped.
    pub fn warning(&self, text: String) {
        match &self.bar {
            Some(bar) => bar.suspend(|| self.out.warning(text)),
            None => self.out.warning(text),
        }
    }

    /// Removes the moving line.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl BackgroundObserver for Notifier {
    fn blocked(&self, by: &Blocked) {
        events::blocked(by);
        self.line(format!("    {}", escape(&by.to_string())));
    }
}

impl Observer for Progress {
    fn event(&mut self, event: Event<'_>) {
        events::event(&event);
        match event {
            Event::Gate(answer) => {
                let verdict = match answer.ready {
                    true => self.out.paint(Paint::Good, "READY"),
                    false => self.out.paint(Paint::Bad, "BLOCKED"),
                };
                let (name, reason) = (&answer.name, escape(&answer.reason));
                self.line(format!("gate {name} {verdict}: {reason}"));
            }
            Event::Begin(at, total, name) => {
                self.tier = format!("{at}/{total} {}", escape(name));
                self.is_named = false;
                self.statements = 0;
                self.moving(str::to_owned);
            }
            Event::Statement { at, verb } => {
                self.statements += 1;
                let number = self.statements;
                self.moving(|tier| {
                    let at = escape(&at.to_string());
                    format!("{tier}  statement {number}: {}  {at}", escape(verb))
                });
            }
            Event::Echo(text) => {
                self.line(format!("    {}", output::escape_lines(text.trim_end())))
            }
            Event::OnTheWay {
                from,
                to,
                statements,
            } => {
                // The server does not say which of them it works on.
                let file = from.file == to.file;
                let (from, to) = match file {
                    true => (from.to_string(), format!("{}:{}", to.line, to.column)),
                    false => (from.to_string(), to.to_string()),
                };
                let (from, to) = (escape(&from), escape(&to));
                let statements = match statements {
                    1 => String::new(),
                    more => format!("one of {more} statements: "),
                };
                let room = output::width_of_messages().unwrap_or(usize::MAX);
                self.moving(|tier| {
                    let text = format!("{tier}  {statements}{from} to {to}");
                    cut(text, room.saturating_sub(TIME_ROOM))
                });
            }
            Event::Notice { at, notice } => self.notice(at, notice),
            Event::Done(at, total, record) => {
                let name = escape(&record.name);
                let (statements, rows, ms) = (record.statements, record.rows, record.milliseconds);
                let of = |count: u64, one: &'static str, more: &'static str| match count {
                    1 => one,
                    _ => more,
                };
                let statement = of(statements, "statement ", "statements");
                let row = of(rows, "row ", "rows");
                // The columns stay in place with ten tiers and with long names.
                let digits = total.to_string().len();
                self.line(format!(
                    "{at:>digits$}/{total} {name:<LONG_NAME$} {statements:>4} {statement} {rows:>8} {row} {ms:>6} ms"
                ));
                if at == total {
                    self.tier = "checking before COMMIT".to_owned();
                    self.moving(str::to_owned);
                }
            }
            Event::Transaction
            | Event::Locked { .. }
            | Event::Committed
            | Event::CommitPoint { .. } => {}
            Event::Verified(record) => {
                let (name, held, checks) = (&record.name, record.held, record.checks);
                self.line(format!("verify {name} {held}/{checks}"));
            }
            Event::Found { at, again, how } => {
                let (at, how) = (escape(&at.to_string()), escape(how));
                let next = match again {
                    true => "it is sent again",
                    false => "it took effect",
                };
                self.line(format!("{at} was interrupted; {next}: {how}"));
            }
            Event::StillRunning { at, why } => {
                let (at, why) = (escape(&at.to_string()), escape(why));
                self.moving(|_| format!("waiting for the server at {at}: {why}"));
            }
            Event::Cleaning { at, what } => {
                let (at, what) = (escape(&at.to_string()), escape(what));
                self.line(format!("{at}: {what}: cleaning up"));
            }
            Event::LockHeld { by, again, pause } => {
                let who = by.map_or(String::new(), |by| format!(" ({})", escape(by)));
                let what = if again { "still holds" } else { "holds" };
                let seconds = pause.as_secs_f64();
                self.line(format!(
                    "another pgseal run {what} the lock{who}, trying again in {seconds:.1} s"
                ));
            }
            Event::Retrying {
                failure,
                reason,
                retry,
                of,
                pause,
            } => {
                let (failure, seconds) = (escape(&failure.headline()), pause.as_secs_f64());
                self.line(format!("{reason}, and nothing of it is left: {failure}"));
                self.line(format!("trying again in {seconds:.1} s ({retry} of {of})"));
                self.tier = "once more".to_owned();
                self.moving(str::to_owned);
            }
            Event::Limited { at, setting, limit } => {
                let at = escape(&at.to_string());
                let text = format!("{setting} stays at {limit}, the release's limit ({at})");
                self.line(format!("    {text}"));
            }
            Event::Commit => self.moving(|_| "committing".to_owned()),
            Event::Resolving(attempt, why) => {
                self.line(format!(
                    "the answer to COMMIT was lost; asking the server, try {attempt}: {}",
                    escape(why)
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn a_text_is_cut_behind_a_word() {
        let text = || "one of 4 statements".to_owned();
        assert_eq!(cut(text(), 19), text());
        assert_eq!(cut(text(), 18), "one of 4 ...");
        assert_eq!(cut(text(), 2), "on ...");
    }
}
