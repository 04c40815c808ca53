//! Injects one fault after another into a database of its own and validates the state after each.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use postgres::Client;
use serde_json::Value;

use super::files;
use super::line::{Line, Ride, Step};
use super::point::{Action, Fault, FileFault, Point, Strike, What};
use super::scenario::Scenario;
use crate::server::Server;
use pgseal_testkit::cluster::TestDatabase;
use pgseal_testkit::fingerprint::{self, Fingerprint};
use pgseal_testkit::release::{Operator, Site};

/// A command that takes longer hangs. If the network drops the answers of a batch, pgseal waits for the limits of all
/// its statements: 17 s each with these releases, and the longest batch has 16 of them.
const PATIENCE: Duration = Duration::from_secs(400);

/// Time for the server to end a session after its client exits.
const ORPHAN: Duration = Duration::from_secs(10);

/// The state of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Baseline,
    Finalized,
    /// Half way in a release with non-transactional steps: the step's number, from 1; 0 inside a statement.
    Between(usize),
}

/// The states of a run from baseline to finalized, as other sessions see them.
#[derive(Clone, Default)]
pub struct States {
    pub known: Vec<Fingerprint>,
    /// The steps in the ledger at each state.
    pub recorded: Vec<(usize, String)>,
}

/// The steps of the newest run; empty without a ledger.
const STEPS: &str = "select coalesce(string_agg(concat_ws(' ', happened, tier, statement), ', ' order by id), '') from pgseal.steps";

pub struct Worker<'s> {
    scenario: Scenario,
    server: &'s Server,
    db: TestDatabase<'s>,
    line: Line,
    /// Connects to the server directly.
    direct: Operator<'s>,
    /// Connects through the proxy.
    struck: Operator<'s>,
    dir: PathBuf,
    client: Client,
    states: States,
    state: State,
    /// Expected rows of the ledger: runs, rollbacks.
    ledger: (usize, usize),
    /// Expected rows of the append-only table.
    log: usize,
}

/// The end of a command that a fault hit.
pub struct Ended {
    /// `None` after a kill.
    pub code: Option<i32>,
    pub output: String,
    pub elapsed: Duration,
}

/// The result of one point.
pub struct Seen {
    /// Whether the fault's message passed.
    pub struck: bool,
    pub code: Option<i32>,
    /// The command's duration.
    pub elapsed: Duration,
    /// The session outlived its client until the connection was closed.
    pub orphan: bool,
}

impl<'s> Worker<'s> {
    /// Creates a database for this worker. `states` come from the reference run.
    pub fn new(
        scenario: Scenario,
        server: &'s Server,
        site: &'s Site,
        name: &str,
        states: States,
    ) -> Self {
        let template = scenario.name().replace('-', "_");
        let template = format!("template_{template}");
        let template = server
            .cluster
            .template(&template, |db| scenario.load(server, db))
            .to_owned();
        let db = TestDatabase::from_template_named(&server.cluster, &template, name);
        let dir = site.path(name);
        let source = dir.join("release");
        std::fs::create_dir_all(&source).unwrap();
        scenario.write(&source, name);
        let bundle = dir.join("release.pgseal");
        site.pack_dir(&source, &bundle).done();
        let socket = server.cluster.server().dir().join(".s.PGSQL.5432");
        let line = Line::before(socket, Arc::clone(&server.postmaster));
        let operator = |url: &str| {
            let operator = site
                .operator(&bundle, url)
                .receipts_in(&format!("{name}/receipts"));
            scenario
                .variables()
                .iter()
                .fold(operator, |operator, (name, value)| {
                    operator.variable(name, value)
                })
        };
        let (direct, struck) = (operator(&db.url()), operator(&line.url(name)));
        let client = server.client(name);
        let (state, ledger, log) = (State::Baseline, (0, 0), 0);
        Self {
            scenario,
            server,
            db,
            line,
            direct,
            struck,
            dir,
            client,
            states,
            state,
            ledger,
            log,
        }
    }

    /// Runs a command without a fault; returns its messages and the states that other sessions saw.
    pub fn reference(&mut self, action: Action) -> Result<(Vec<Step>, States), String> {
        self.prepare(action)?;
        let mut states = States {
            known: vec![self.fingerprint()?],
            recorded: Vec::new(),
        };
        // Delayed so that no state is missed.
        let ride = if self.is_mixed() && action == Action::Run {
            self.line.slowly()
        } else {
            self.line.ride(None)
        };
        let mut command = self.command(&self.struck, action);
        let mut child = self.spawn(&mut command);
        ride.of_process(child.id());
        while child.try_wait().unwrap().is_none() {
            self.note(&mut states);
        }
        let code = child.wait().unwrap().code();
        if code != Some(0) {
            return Err(format!(
                "the reference {} ended with {code:?}: {}",
                action.as_str(),
                self.output()
            ));
        }
        self.note(&mut states);
        self.state = target(action);
        self.count(action);
        Ok((ride.steps(), states))
    }

    /// Adds the current state. A fingerprint takes several queries, so it counts only if two in a row agree: otherwise
    /// one half could be from before a COMMIT and the other from after. A table that disappears between two queries is
    /// an error.
    fn note(&mut self, states: &mut States) {
        let mut look = || Some((self.fingerprint().ok()?, self.steps()));
        let (Some(seen), again) = (look(), look()) else {
            return;
        };
        if again.as_ref() != Some(&seen) || interrupted(&seen.1) {
            return;
        }
        if states.known.last() != Some(&seen.0) {
            states.known.push(seen.0);
        }
        let recorded = (states.known.len() - 1, seen.1);
        if !states.recorded.contains(&recorded) {
            states.recorded.push(recorded);
        }
    }

    fn steps(&mut self) -> String {
        // Without a ledger the query fails.
        self.ask(|client| fingerprint::rows(client, STEPS))
            .map(|rows| rows[0][0].clone())
            .unwrap_or_default()
    }

    fn is_mixed(&self) -> bool {
        self.scenario == Scenario::Mixed
    }

    /// Lists every injection point in a command's files.
    pub fn files(&mut self, action: Action) -> Result<Vec<Point>, String> {
        self.prepare(action)?;
        let log = self.dir.join("calls");
        let mut command = files::traced(&self.command(&self.direct, action), &log, None);
        let ended = self.wait(self.spawn(&mut command))?;
        if ended.code != Some(0) {
            return Err(format!(
                "the traced {} ended with {:?}: {}",
                action.as_str(),
                ended.code,
                ended.output
            ));
        }
        self.state = target(action);
        self.count(action);
        let text = std::fs::read(&log).unwrap();
        Ok(files::points(
            action,
            &String::from_utf8_lossy(&text),
            &self.receipts().to_string_lossy(),
        ))
    }

    /// Sets the states of the reference run.
    pub fn knows(&mut self, states: States) {
        self.states = states;
    }

    /// Runs and rolls back once where the ledger stays, so that each run begins with one.
    pub fn warm_up(&mut self) -> Result<(), String> {
        if !self.scenario.first_runs() {
            self.do_it(Action::Run)?;
            self.do_it(Action::Rollback)?;
        }
        Ok(())
    }

    /// Injects one fault and validates the result.
    pub fn strike(&mut self, point: &Point) -> Result<Seen, String> {
        self.prepare(point.action)?;
        let (ended, struck, orphan) = match &point.strike {
            Strike::Protocol(fault) => self.strike_protocol(point, *fault)?,
            Strike::File(fault) => self.strike_file(point, fault)?,
        };
        let state = self.observe()?;
        // Either the server is unreachable, or its session waits for the rest of a request and the transaction is still
        // open.
        let away = orphan
            || matches!(
                &point.strike,
                Strike::Protocol(Fault {
                    what: What::Away,
                    ..
                })
            );
        agree(point.action, &ended, state, away, self.scenario)?;
        let effect = state == target(point.action);
        if effect {
            self.count(point.action);
        } else if matches!(state, State::Between(_)) {
            self.ledger.0 += 1;
        }
        self.state = state;
        self.status_agrees(effect)
            .map_err(|why| format!("{why}\n{}", ended.output))?;
        self.receipt_agrees(&ended, effect)?;
        let back = matches!(&point.strike, Strike::Protocol(fault) if fault.number % 2 == 0);
        let half = matches!(state, State::Between(_));
        let then = if half && back {
            self.back()
        } else {
            self.again(point.action)
        };
        then.map_err(|why| format!("afterwards: {why}\n{}", ended.output))?;
        Ok(Seen {
            struck,
            code: ended.code,
            elapsed: ended.elapsed,
            orphan,
        })
    }

    fn strike_protocol(
        &mut self,
        point: &Point,
        fault: Fault,
    ) -> Result<(Ended, bool, bool), String> {
        let ride = self.line.ride(Some(fault));
        let mut command = self.command(&self.struck, point.action);
        let child = self.spawn(&mut command);
        ride.of_process(child.id());
        let ended = self.wait_on(child, Some(&ride));
        if fault.what == What::KillBackend && ride.struck() {
            self.wait_for_the_crash();
        }
        // After dropped packets the server needs its own timeout to notice that the client is gone.
        let alone = self.sessions_end(if fault.what == What::Swallow {
            Duration::from_secs(3)
        } else {
            ORPHAN
        });
        ride.end();
        let ended = ended?;
        if alone.is_err() {
            self.sessions_end(ORPHAN)?;
            if fault.what != What::Swallow {
                return Err("a session outlived its connection".to_owned());
            }
        }
        Ok((ended, ride.struck(), alone.is_err()))
    }

    fn strike_file(
        &mut self,
        point: &Point,
        fault: &FileFault,
    ) -> Result<(Ended, bool, bool), String> {
        let log = self.dir.join("calls");
        let mut command =
            files::traced(&self.command(&self.direct, point.action), &log, Some(fault));
        let ended = self.wait(self.spawn(&mut command))?;
        let text = std::fs::read(&log).unwrap_or_default();
        let struck = files::struck(
            &String::from_utf8_lossy(&text),
            &self.receipts().to_string_lossy(),
        );
        // The fault hit another call, such as the program's own event queue, which may end it like a kill.
        let ended = if struck {
            ended
        } else {
            Ended {
                code: None,
                ..ended
            }
        };
        self.sessions_end(ORPHAN)?;
        Ok((ended, struck, false))
    }

    /// Brings database and ledger to the state from which the point starts.
    fn prepare(&mut self, action: Action) -> Result<(), String> {
        let wanted = if action == Action::Run {
            State::Baseline
        } else {
            State::Finalized
        };
        let other = if action == Action::Run {
            Action::Rollback
        } else {
            Action::Run
        };
        if self.state != wanted {
            self.forget_records();
            self.forget_ledger(other)?;
            self.do_it(other)?;
            let state = self.observe()?;
            if state != wanted {
                return Err(format!(
                    "without a fault, {} led to {state:?}",
                    other.as_str()
                ));
            }
            self.state = state;
        }
        self.forget_ledger(action)?;
        self.forget_records();
        Ok(())
    }

    fn forget_ledger(&mut self, action: Action) -> Result<(), String> {
        if action == Action::Run && self.scenario.first_runs() {
            self.ask(|client| {
                client.batch_execute(
                    "set client_min_messages = error; drop schema if exists pgseal cascade",
                )
            })?;
            self.ledger = (0, 0);
        }
        Ok(())
    }

    fn forget_records(&self) {
        let _ = std::fs::remove_dir_all(self.receipts());
    }

    /// Executes the command without a fault.
    fn do_it(&mut self, action: Action) -> Result<(), String> {
        let answer = self.direct.ask(action.as_str());
        if answer.code != 0 {
            return Err(format!("{} without a fault: {answer}", action.as_str()));
        }
        self.count(action);
        Ok(())
    }

    /// Rolls back from half way to the baseline.
    fn back(&mut self) -> Result<(), String> {
        let answer = self.direct.ask("rollback");
        if answer.code != 0 {
            return Err(format!("rollback from half way: {answer}"));
        }
        self.ledger.1 += 1;
        self.state = self.observe()?;
        if self.state != State::Baseline {
            return Err(format!("rollback from half way led to {:?}", self.state));
        }
        if let Some(table) = self.scenario.log() {
            // The append-only table may have one more row.
            let rows = self.log_rows(table)?;
            self.log = if rows == self.log + 1 { rows } else { self.log };
        }
        let (_, status) = self.direct.status();
        self.rows_agree(&status)
    }

    fn log_rows(&mut self, table: &str) -> Result<usize, String> {
        let rows = self.ask(|client| {
            fingerprint::rows(client, &format!("select count(*) from public.{table}"))
        })?;
        rows[0][0].parse().map_err(|_| "no count".to_owned())
    }

    /// Executes the same command once more: it does the remaining work, and nothing twice.
    fn again(&mut self, action: Action) -> Result<(), String> {
        let to_do = self.state != target(action);
        let answer = match (action, self.state) {
            (Action::Run, State::Between(_)) => self.direct.ask_with("run", &["--resume"]),
            _ => self.direct.ask(action.as_str()),
        };
        let expected = if to_do || action == Action::Rollback {
            0
        } else {
            22
        };
        if answer.code != expected {
            return Err(format!(
                "a second {} should end with {expected}: {answer}",
                action.as_str()
            ));
        }
        match self.state {
            // The run already has its row.
            State::Between(_) => self.log += 1,
            _ if to_do => self.count(action),
            _ => {}
        }
        let state = self.observe()?;
        if state != target(action) {
            return Err(format!("a second {} led to {state:?}", action.as_str()));
        }
        self.state = state;
        let (_, status) = self.direct.status();
        self.rows_agree(&status)
    }

    /// Compares `status` with the database.
    fn status_agrees(&mut self, effect: bool) -> Result<(), String> {
        let (answer, status) = self.direct.status();
        let between = matches!(self.state, State::Between(_));
        if answer.code != 0 && !between {
            return Err(format!("status could not tell: {answer}"));
        }
        let in_effect = status["in_effect"]
            .as_array()
            .is_some_and(|list| !list.is_empty());
        if in_effect != (self.state == State::Finalized) && !between {
            return Err(format!(
                "the database is {:?}, but status says: {status}",
                self.state
            ));
        }
        if between == status["stopped"].is_null() {
            return Err(format!(
                "the database is {:?}, but status says: {status}",
                self.state
            ));
        }
        for one in status["unfinished"].as_array().into_iter().flatten() {
            let ending = one["ending"].as_str().unwrap_or_default();
            let expected: &[&str] = if effect {
                &["was committed"]
            } else {
                &["never sent", "rolled back"]
            };
            if !between && !expected.iter().any(|words| ending.contains(words)) {
                return Err(format!(
                    "the database is {:?}, but status says: {ending}",
                    self.state
                ));
            }
        }
        self.rows_agree(&status)
    }

    /// Each run and each rollback that took effect has one ledger row and wrote once.
    fn rows_agree(&mut self, status: &Value) -> Result<(), String> {
        let rows = |action: &str| {
            let ledger = status["ledger"].as_array().into_iter().flatten();
            ledger.filter(|row| row["action"] == action).count()
        };
        let found = (rows("run"), rows("rollback"));
        if found != self.ledger {
            return Err(format!(
                "the ledger has {found:?} runs and rollbacks, not {:?}",
                self.ledger
            ));
        }
        if let (Some(table), State::Baseline | State::Finalized) = (self.scenario.log(), self.state)
        {
            let rows = self.log_rows(table)?;
            if rows != self.log {
                return Err(format!("{} runs have written {rows} rows", self.log));
            }
        }
        Ok(())
    }

    /// A command that exited has a receipt with its outcome; exit code 40 reports a missing receipt.
    fn receipt_agrees(&self, ended: &Ended, effect: bool) -> Result<(), String> {
        let wanted = match ended.code {
            Some(0) => "committed",
            Some(30) => "unchanged",
            Some(32) => "unknown",
            _ => return Ok(()),
        };
        let receipts = self.direct.records(".receipt.json");
        if receipts.len() != 1 {
            // On a failing medium the message reports the missing receipt, and the exit code is the database's.
            let said = ended.output.contains("receipt could not be stored");
            return if said && !effect {
                Ok(())
            } else {
                Err(format!("no receipt: {}", ended.output))
            };
        }
        let outcome = self.direct.receipt()["outcome"].clone();
        if outcome == wanted {
            Ok(())
        } else {
            Err(format!("the receipt says {outcome}, exit {:?}", ended.code))
        }
    }

    fn observe(&mut self) -> Result<State, String> {
        let found = self.fingerprint()?;
        let steps = if self.is_mixed() {
            self.steps()
        } else {
            String::new()
        };
        let known = &self.states.known;
        let last = known.len() - 1;
        match known.iter().position(|state| *state == found) {
            Some(0) => Ok(State::Baseline),
            Some(at) if at == last => Ok(State::Finalized),
            Some(at) => self.recorded(at, &steps),
            None if interrupted(&steps) => Ok(State::Between(0)),
            None => Err(format!(
                "neither baseline ({}) nor finalized ({})",
                fingerprint::difference(&known[0], &found),
                fingerprint::difference(&known[last], &found)
            )),
        }
    }

    /// Compares the database with the steps in the ledger.
    fn recorded(&self, at: usize, steps: &str) -> Result<State, String> {
        let known = self
            .states
            .recorded
            .iter()
            .any(|(state, text)| *state == at && text == steps);
        if known || interrupted(steps) {
            return Ok(State::Between(at));
        }
        Err(format!("step {at} is there, but the ledger says: {steps}"))
    }

    pub fn fingerprint(&mut self) -> Result<Fingerprint, String> {
        let log: Vec<&str> = self.scenario.log().into_iter().collect();
        self.ask(|client| fingerprint::take_without(client, &log))
    }

    /// Queries the server directly; reconnects if it went down.
    fn ask<T>(
        &mut self,
        question: impl Fn(&mut Client) -> Result<T, postgres::Error>,
    ) -> Result<T, String> {
        let mut why = String::new();
        for _ in 0..5 {
            match question(&mut self.client) {
                Ok(answer) => return Ok(answer),
                Err(error) if error.code().is_some() && !self.client.is_closed() => {
                    return Err(error.to_string());
                }
                Err(error) => why = error.to_string(),
            }
            self.client = self.server.client(self.db.name());
        }
        Err(why)
    }

    /// After the kill of a backend the server ends all sessions, this one a moment later.
    fn wait_for_the_crash(&mut self) {
        let since = Instant::now();
        while self.client.simple_query("select 1").is_ok()
            && since.elapsed() < Duration::from_secs(1)
        {
            std::thread::sleep(Duration::from_millis(10));
        }
        self.client = self.server.client(self.db.name());
    }

    /// Waits until only this harness is connected.
    fn sessions_end(&mut self, limit: Duration) -> Result<(), String> {
        const OTHERS: &str = "select count(*) from pg_stat_activity where datname = current_database() \
                              and pid <> pg_backend_pid() and backend_type = 'client backend'";
        let since = Instant::now();
        while self.ask(|client| fingerprint::rows(client, OTHERS))?[0][0] != "0" {
            if since.elapsed() > limit {
                return Err(format!("a session goes on after {} s", limit.as_secs()));
            }
            std::thread::sleep(Duration::from_millis(3));
        }
        Ok(())
    }

    fn count(&mut self, action: Action) {
        match action {
            Action::Run => (self.ledger.0, self.log) = (self.ledger.0 + 1, self.log + 1),
            Action::Rollback => self.ledger.1 += 1,
        }
    }

    fn command(&self, operator: &Operator<'_>, action: Action) -> Command {
        let mut command = operator.command(action.as_str());
        command.args(["--receipt-key", "receipt.key"]);
        command
    }

    fn spawn(&self, command: &mut Command) -> std::process::Child {
        let file = |name: &str| std::fs::File::create(self.dir.join(name)).unwrap();
        command
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .unwrap()
    }

    fn wait(&self, child: std::process::Child) -> Result<Ended, String> {
        self.wait_on(child, None)
    }

    fn wait_on(
        &self,
        mut child: std::process::Child,
        ride: Option<&Ride>,
    ) -> Result<Ended, String> {
        let since = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if ride.is_some_and(Ride::postmaster_killed) {
                self.server.revive();
            }
            if since.elapsed() > PATIENCE {
                child.kill().unwrap();
                child.wait().unwrap();
                return Err(format!(
                    "it hangs: not over after {} s; {}",
                    PATIENCE.as_secs(),
                    self.output()
                ));
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        if let Some(ride) = ride {
            ride.drain();
            if ride.postmaster_killed() {
                self.server.revive();
            }
        }
        Ok(Ended {
            code: status.code(),
            output: self.output(),
            elapsed: since.elapsed(),
        })
    }

    fn output(&self) -> String {
        let read = |name: &str| std::fs::read_to_string(self.dir.join(name)).unwrap_or_default();
        format!("{}{}", read("stdout"), read("stderr"))
    }

    fn receipts(&self) -> &Path {
        self.direct.receipts()
    }
}

fn target(action: Action) -> State {
    if action == Action::Run {
        State::Finalized
    } else {
        State::Baseline
    }
}

/// Reports whether the last statement has no recorded end.
fn interrupted(steps: &str) -> bool {
    steps
        .rsplit(", ")
        .next()
        .is_some_and(|last| last.starts_with("started"))
}

/// Compares the exit code with the database.
fn agree(
    action: Action,
    ended: &Ended,
    state: State,
    away: bool,
    scenario: Scenario,
) -> Result<(), String> {
    let done = state == target(action);
    let between = matches!(state, State::Between(_));
    if between && scenario != Scenario::Mixed {
        return Err(format!("half of it is there: {state:?}"));
    }
    let right = match ended.code {
        None => true,
        Some(0 | 40) => done,
        // Ended before its transaction: no connection, or a gate without an answer.
        Some(1 | 21 | 30) => !done && !between,
        Some(31) => between,
        Some(32) => away,
        Some(_) => false,
    };
    let errors = ended
        .output
        .lines()
        .filter(|line| line.starts_with("pgseal: error: "))
        .count();
    let told = match ended.code {
        None => true,
        Some(0) => errors == 0,
        // The server's own error may follow.
        Some(_) => errors >= 1,
    };
    if !right || !told || (ended.code.is_some() && ended.output.contains("panicked")) {
        return Err(format!(
            "exit {:?}, and the database is {state:?}: {}",
            ended.code, ended.output
        ));
    }
    Ok(())
}
