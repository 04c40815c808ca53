//! Finds the sessions that block a slow statement, on a thread and a session of its own. The
//! session is opened only for a slow statement.

use std::fmt;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::event::BackgroundObserver;
use crate::database::{Connect, DatabaseError, Purpose, Session};
use pgseal_verify::format::run_limits::RunLimits;

/// Duration after which a statement is slow. Half of `lock_timeout`, if that is shorter.
const SLOW: Duration = Duration::from_secs(1);

/// Maximum interval between queries about a slow statement, and maximum delay of its detection.
const TICK: Duration = Duration::from_millis(500);

/// Time that the end of a run waits for the thread. After that the thread ends by itself, once its
/// query is answered or given up.
const FAREWELL: Duration = Duration::from_secs(1);

/// Time limit for an answer to the watching session.
const PATIENCE: Duration = Duration::from_secs(3);

/// Maximum characters of other sessions' statements.
const QUERY: usize = 80;

/// A blocked statement's lock and its blockers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blocked {
    /// The lock: `public.widgets (AccessExclusiveLock)`; `None` if the server does not report it.
    pub lock: Option<String>,
    /// The sessions that hold it, or requested it earlier.
    pub by: Vec<Blocker>,
}

/// A blocking session, as `pg_stat_activity` shows it to the run's role. Hidden fields are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blocker {
    /// The server's process; 0 is a prepared transaction.
    pub pid: String,
    /// `application_name`
    pub application: String,
    pub user: String,
    /// `active`, `idle in transaction`, ...
    pub state: String,
    /// Seconds in this state.
    pub seconds: Option<u64>,
    /// The beginning of its current or last statement.
    pub query: String,
}

/// One line. It contains text of other sessions: escape it before display.
impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pid == "0" {
            return f.write_str("a prepared transaction (pg_prepared_xacts)");
        }
        write!(f, "process {}", self.pid)?;
        let user = (!self.user.is_empty()).then(|| format!("user {}", self.user));
        let age = self.seconds.map(|seconds| format!(" for {}", age(seconds)));
        let age = age.unwrap_or_default();
        let state = (!self.state.is_empty()).then(|| format!("{}{age}", self.state));
        let application = (!self.application.is_empty()).then(|| self.application.clone());
        let known: Vec<String> = [application, user, state].into_iter().flatten().collect();
        if !known.is_empty() {
            write!(f, " ({})", known.join(", "))?;
        }
        if self.query.is_empty() {
            Ok(())
        } else {
            write!(f, ": {}", self.query)
        }
    }
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waits = match self.lock.as_deref() {
            None => "a lock".to_owned(),
            Some(lock) if lock.starts_with("virtualxid ") => {
                "the end of an older transaction".to_owned()
            }
            Some(lock) if lock.starts_with("transactionid ") => {
                "the end of another transaction".to_owned()
            }
            Some(lock) => format!("a lock on {lock}"),
        };
        let by: Vec<String> = self.by.iter().map(ToString::to_string).collect();
        let by = by.join("; and by ");
        write!(f, "waiting for {waits}, blocked by {by}")
    }
}

fn age(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3_600),
    }
}

/// Watches the statements of a run, one at a time.
pub(super) struct Waiting {
    shared: Arc<Shared>,
    over: Mutex<Receiver<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    ending: Condvar,
}

#[derive(Default)]
struct State {
    /// Number of the current or last statement.
    number: u64,
    /// Process of the server that executes it, and the time when it was sent.
    under_way: Option<(Arc<str>, Instant)>,
    blocked: Option<Blocked>,
    ending: bool,
}

impl Waiting {
    /// Begins to watch.
    pub fn begin(
        connect: Arc<dyn Connect + Send>,
        aside: Arc<dyn BackgroundObserver>,
        limits: &RunLimits,
    ) -> Self {
        let shared = Arc::new(Shared::default());
        let (ended, over) = mpsc::channel();
        let patience = Duration::from_millis(limits.lock_timeout.milliseconds().into()) / 2;
        let watcher = Watcher {
            shared: Arc::clone(&shared),
            connect,
            aside,
            slow: patience.min(SLOW),
        };
        // If no thread can be started, blockers are not reported; nothing else depends on it.
        let _ = std::thread::Builder::new()
            .name("pgseal-waiting".to_owned())
            .spawn(move || watcher.watch(&ended));
        Self {
            shared,
            over: Mutex::new(over),
        }
    }

    /// Records that a statement is sent to this process of the server.
    pub fn sent(&self, pid: &Arc<str>) -> Instant {
        let since = Instant::now();
        let mut state = self.shared.lock();
        state.number += 1;
        state.under_way = Some((Arc::clone(pid), since));
        state.blocked = None;
        since
    }

    /// Records the answer. Returns the blockers that were last found.
    pub fn answered(&self) -> Option<Blocked> {
        let mut state = self.shared.lock();
        state.under_way = None;
        state.blocked.take()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.shared.lock().ending = true;
        self.shared.ending.notify_all();
        // Disconnects at once when the thread is gone.
        let over = self.over.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = over.recv_timeout(FAREWELL);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Watcher {
    shared: Arc<Shared>,
    connect: Arc<dyn Connect + Send>,
    aside: Arc<dyn BackgroundObserver>,
    slow: Duration,
}

impl Watcher {
    /// Watches until the end of the run. `_ended` is dropped with the thread, which disconnects the
    /// receiver.
    fn watch(self, _ended: &Sender<()>) {
        let tick = (self.slow / 2).clamp(Duration::from_millis(10), TICK);
        let mut session = None;
        let mut told = (0, Vec::new());
        let mut given_up = 0;
        while let Some(slow) = self.next(tick) {
            let Some((number, pid)) = slow.filter(|(number, _)| *number != given_up) else {
                session = None;
                continue;
            };
            let Ok(blocked) = self.ask(&mut session, &pid) else {
                (session, given_up) = (None, number);
                continue;
            };
            let who = blocked.by.iter().map(|blocker| blocker.pid.clone());
            let who: Vec<String> = who.collect();
            if told.0 != number {
                told = (number, Vec::new());
            }
            let news = !who.is_empty() && who != told.1;
            if news {
                self.aside.blocked(&blocked);
            }
            told.1 = who;
            let mut state = self.shared.lock();
            if state.number == number && state.under_way.is_some() {
                state.blocked = (!blocked.by.is_empty()).then_some(blocked);
            }
        }
    }

    /// Sleeps. Returns the statement if it is slow by now; `None` at the end of the run.
    fn next(&self, tick: Duration) -> Option<Option<(u64, Arc<str>)>> {
        let state = self.shared.lock();
        let state = self
            .shared
            .ending
            .wait_timeout_while(state, tick, |state| !state.ending);
        let (state, _) = state.unwrap_or_else(PoisonError::into_inner);
        if state.ending {
            return None;
        }
        let under_way = state.under_way.as_ref();
        let slow = under_way.filter(|(_, since)| since.elapsed() >= self.slow);
        Some(slow.map(|(pid, _)| (state.number, Arc::clone(pid))))
    }

    fn ask(
        &self,
        session: &mut Option<Box<dyn Session>>,
        pid: &str,
    ) -> Result<Blocked, DatabaseError> {
        let session = match session {
            Some(session) => session,
            None => session.insert(self.open()?),
        };
        blockers(session.as_mut(), pid)
    }

    fn open(&self) -> Result<Box<dyn Session>, DatabaseError> {
        let mut session = self.connect.connect(Purpose::Read)?;
        session.set_patience(PATIENCE);
        session.batch("SET statement_timeout = 2000; SET lock_timeout = 500")?;
        Ok(session)
    }
}

/// Queries the sessions that block this process of the server.
fn blockers(session: &mut dyn Session, pid: &str) -> Result<Blocked, DatabaseError> {
    let table = session.query(BLOCKERS, &[pid])?;
    let mut blocked = Blocked::default();
    for row in table.rows {
        let mut values = row.into_iter().map(Option::unwrap_or_default);
        let mut next = || values.next().unwrap_or_default();
        let (pid, application, user, state) = (next(), next(), next(), next());
        let (seconds, query, lock) = (next().parse().ok(), next(), next());
        let line = query.split_whitespace().collect::<Vec<_>>().join(" ");
        let cut: String = line.chars().take(QUERY).collect();
        let query = if cut.len() < line.len() {
            format!("{cut}...")
        } else {
            cut
        };
        blocked.lock = (!lock.is_empty()).then_some(lock);
        blocked.by.push(Blocker {
            pid,
            application,
            user,
            state,
            seconds,
            query,
        });
    }
    Ok(blocked)
}

/// The state of a session is NULL for roles that may not see its statement.
const BLOCKERS: &str = "
    select b.pid::text, coalesce(a.application_name, ''), coalesce(a.usename::text, ''), coalesce(a.state, ''),
           pg_catalog.floor(extract(epoch from pg_catalog.clock_timestamp() -
               case a.state when 'active' then a.query_start else a.state_change end))::bigint::text,
           case when a.state is null then '' else pg_catalog.left(a.query, 400) end,
           (select pg_catalog.format('%s (%s)', case
                       when l.relation is null then l.locktype
                       else coalesce((select pg_catalog.format('%I.%I', n.nspname, c.relname)
                                      from pg_catalog.pg_class c
                                      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
                                      where c.oid = l.relation), l.locktype) end, l.mode)
            from pg_catalog.pg_locks l where l.pid = $1::text::int and not l.granted limit 1)
    from (select distinct pid from pg_catalog.unnest(pg_catalog.pg_blocking_pids($1::text::int)) u(pid)) b
    left join pg_catalog.pg_stat_activity a on a.pid = b.pid
    order by b.pid";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_as_people_read_them() {
        let waits = |lock: Option<&str>| {
            let blocked = Blocked {
                lock: lock.map(str::to_owned),
                by: Vec::new(),
            };
            let text = blocked.to_string();
            text.split(", ").next().map(str::to_owned)
        };
        for (lock, words) in [
            (None, "waiting for a lock"),
            (
                Some("public.t (ShareLock)"),
                "waiting for a lock on public.t (ShareLock)",
            ),
            (
                Some("virtualxid (ShareLock)"),
                "waiting for the end of an older transaction",
            ),
            (
                Some("transactionid (ShareLock)"),
                "waiting for the end of another transaction",
            ),
        ] {
            assert_eq!(waits(lock).as_deref(), Some(words));
        }
    }

    #[test]
    fn blockers_as_people_read_them() {
        let text = |text: &str| text.to_owned();
        let known = Blocker {
            pid: text("123"),
            application: text("psql"),
            user: text("x"),
            state: text("idle in transaction"),
            seconds: Some(130),
            query: text("update public.t set a = 1"),
        };
        assert_eq!(
            known.to_string(),
            "process 123 (psql, user x, idle in transaction for 2 min): update public.t set a = 1"
        );
        let hidden = Blocker {
            pid: text("7"),
            user: text("x"),
            ..Blocker::default()
        };
        assert_eq!(hidden.to_string(), "process 7 (user x)");
        let prepared = Blocker {
            pid: text("0"),
            ..Blocker::default()
        };
        let blocked = Blocked {
            lock: Some(text("public.t (ShareLock)")),
            by: vec![hidden, prepared],
        };
        assert_eq!(
            blocked.to_string(),
            "waiting for a lock on public.t (ShareLock), blocked by process 7 (user x); and by a prepared transaction \
             (pg_prepared_xacts)"
        );
    }

    #[test]
    fn ages() {
        for (seconds, words) in [
            (0, "0 s"),
            (119, "119 s"),
            (120, "2 min"),
            (7_199, "119 min"),
            (7_200, "2 h"),
        ] {
            assert_eq!(age(seconds), words);
        }
    }
}
