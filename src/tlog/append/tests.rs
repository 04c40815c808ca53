use super::*;
use crate::tlog::proof::{Leaves, check_inclusion, inclusion};
use crate::tlog::{LogFaultKind, compare};
use crate::trust::root::name;
use crate::trust::{DraftRoot, SecretKey};
use pgseal_verify::format::log_entry::LogKind;
use pgseal_verify::format::trust_document::{
    KeyEntry, KeyStatus, PAYLOAD_TYPE, Policy, Role, TrustDocument,
};
use pgseal_verify::format::version::Format1;

/// A trust root with three keys, for root, release and log.
fn trust(keys: &[(&'static str, &SecretKey)]) -> TrustRoot {
    let entry = |(role, key): &(&'static str, &SecretKey)| KeyEntry {
        id: key.public_key().id().digest(),
        public_key: key.public_key().to_base64(),
        owner: (*role).to_owned(),
        role: name(role),
        not_before: None,
        not_after: None,
        status: KeyStatus::Active,
        compromised_since: None,
    };
    let mut entries: Vec<KeyEntry> = keys.iter().map(entry).collect();
    entries.sort_by_key(|entry| entry.id);
    let document = TrustDocument {
        version: 1,
        prev_sha256: None,
        issued: None,
        expires: "2036-01-01T00:00:00Z".parse().expect("a time"),
        keys: entries,
        roles: keys
            .iter()
            .map(|(role, _)| (name(role), Role { threshold: 1 }))
            .collect(),
        policy: Policy::default(),
        timestamp_authorities: Vec::new(),
    };
    let draft = DraftRoot::of(&document).expect("its rules hold");
    let (_, root) = keys
        .iter()
        .find(|(role, _)| *role == "root")
        .expect("a root key");
    let signature = (
        root.public_key().id(),
        root.sign(PAYLOAD_TYPE, draft.bytes()),
    );
    draft.signed(&[signature]).expect("signed by its root key")
}

struct Bench {
    dir: tempfile::TempDir,
    root: TrustRoot,
    key: SecretKey,
    other: SecretKey,
}

impl Bench {
    fn new() -> Self {
        let key = || SecretKey::generate().expect("random");
        let (log, other, root_key) = (key(), key(), key());
        let root = trust(&[("root", &root_key), ("release", &other), ("log", &log)]);
        let dir = tempfile::tempdir().expect("temp dir");
        create(dir.path(), "example.com/log", &root, &log).expect("an empty log");
        Self {
            dir,
            root,
            key: log,
            other,
        }
    }

    fn locked(&self) -> LockedLog {
        LockedLog::lock(self.dir.path(), &self.root, &|| {}).expect("a whole log")
    }

    fn append(&self, entries: &[LogEntry]) -> Checkpoint {
        self.locked()
            .append(entries, &self.root, &self.key)
            .expect("appended")
    }

    fn kinds(&self, since: &[Checkpoint]) -> Vec<LogFaultKind> {
        let compared = compare(self.dir.path(), &self.root, since, &|_| {}).expect("a directory");
        // These tests create no logged files, so their absence is ignored.
        let faults = compared
            .faults
            .into_iter()
            .filter(|fault| fault.kind != LogFaultKind::Deleted);
        faults.map(|fault| fault.kind).collect()
    }
}

fn entry(at: u64) -> LogEntry {
    LogEntry {
        format: Format1,
        kind: LogKind::Release,
        path: format!("{at:06}.pgseal").parse().expect("a path"),
        release_id: Some(Digest::of(b"a release")),
        sha256: Digest::of(&at.to_be_bytes()),
        size: at,
    }
}

fn entries(from: u64, to: u64) -> Vec<LogEntry> {
    (from..to).map(entry).collect()
}

#[test]
fn what_is_appended_in_pieces_is_the_tree_of_all_and_its_partial_tiles_go() {
    let bench = Bench::new();
    let leaves: Vec<Digest> = entries(0, 700)
        .iter()
        .map(|entry| leaf(&json::to_canonical(entry).expect("plain")))
        .collect();
    let whole = Leaves::new(leaves.clone());
    let mut size = 0;
    for to in [1, 2, 3, 255, 256, 257, 512, 700] {
        let checkpoint = bench.append(&entries(size, to));
        assert_eq!(
            (checkpoint.size(), Some(checkpoint.root())),
            (to, whole.root(to))
        );
        assert_eq!(bench.kinds(&[]), [], "{to}");
        size = to;
        // The proof of every entry is computed from the tiles alone.
        let stored = Stored::new(bench.dir.path(), size);
        for index in [0, size / 2, size - 1] {
            let path = inclusion(&stored, index, size).expect("tiles");
            check_inclusion(
                index,
                size,
                leaves[index as usize],
                &path,
                checkpoint.root(),
            )
            .expect("a proof");
        }
    }
    for tile in Tile::all(700) {
        assert!(bench.dir.path().join(tile.to_string()).is_file(), "{tile}");
        assert!(
            !tile.is_full() || !bench.dir.path().join(tile.partials()).exists(),
            "{tile}"
        );
    }
    let wanted = [entry(0), entry(300), entry(699)];
    let paths = wanted
        .iter()
        .map(|entry| entry.path.clone())
        .chain([entry(700).path])
        .collect();
    let found: Vec<LogEntry> = bench
        .locked()
        .logged(&paths)
        .expect("entries")
        .into_values()
        .collect();
    assert_eq!(found, wanted);
}

#[test]
fn an_append_that_was_cut_off_anywhere_is_finished_by_the_next() {
    let bench = Bench::new();
    let before = bench.append(&entries(0, 200)).to_string();
    let after = bench.append(&entries(200, 600)).to_string();
    // Restores the old checkpoint, as before the rename, with fewer and fewer of the tiles.
    let mut tiles: Vec<Tile> = Tile::all(600)
        .into_iter()
        .filter(|tile| tile.index > 0)
        .collect();
    tiles.sort_by_key(|tile| (tile.content != Content::Entries, *tile));
    std::fs::remove_file(bench.dir.path().join(CHECKPOINT)).expect("there");
    std::fs::write(bench.dir.path().join(CHECKPOINT), &before).expect("written");
    // The first 200 entries must stay readable, from the full tiles that contain them.
    let left = loop {
        let pending = bench.locked().pending().expect("entries");
        assert!(entries(200, 600).starts_with(&pending), "{}", pending.len());
        assert!(pending.is_empty() || bench.kinds(&[]).contains(&LogFaultKind::Unfinished));
        let Some(tile) = tiles.pop() else {
            break pending.len();
        };
        std::fs::remove_file(bench.dir.path().join(tile.to_string())).expect("a tile");
    };
    assert_eq!(left, 56, "those of the first bundle, which is full");
    // No other entry may come first: the tree could differ from an already signed one.
    let wrong = bench
        .locked()
        .append(&entries(900, 901), &bench.root, &bench.key);
    assert!(matches!(wrong, Err(LogError::Broken { .. })));
    assert_eq!(
        bench.append(&entries(200, 600)).to_string(),
        after,
        "the same tree, and Ed25519 is deterministic"
    );
    assert_eq!(bench.kinds(&[]), []);
}

#[test]
fn a_log_is_extended_only_by_its_key_and_only_when_its_end_holds() {
    let bench = Bench::new();
    bench.append(&entries(0, 300));
    let refused = bench
        .locked()
        .append(&entries(300, 301), &bench.root, &bench.other);
    assert!(matches!(
        refused,
        Err(LogError::Signature {
            source: SignatureError::Threshold { .. },
            ..
        })
    ));
    assert_eq!(bench.locked().head().size(), 300, "nothing was written");
    assert!(matches!(
        create(bench.dir.path(), "example.com/log", &bench.root, &bench.key),
        Err(LogError::Exists(_))
    ));
    for tile in ["tile/entries/001.p/44", "tile/0/001.p/44", "tile/1/000.p/1"] {
        let path = bench.dir.path().join(tile);
        let good = std::fs::read(&path).expect("a tile");
        let mut bad = good.clone();
        *bad.last_mut().expect("bytes") ^= 1;
        std::fs::write(&path, bad).expect("written");
        assert!(
            LockedLog::lock(bench.dir.path(), &bench.root, &|| {}).is_err(),
            "{tile}"
        );
        assert!(bench.kinds(&[]).contains(&LogFaultKind::Broken), "{tile}");
        std::fs::write(&path, good).expect("written");
    }
    assert_eq!(bench.kinds(&[]), []);
}

#[test]
fn what_was_signed_before_is_found_to_be_the_beginning_or_not() {
    let bench = Bench::new();
    let kept: Vec<Checkpoint> = [1, 200, 300]
        .iter()
        .scan(0, |from, to| {
            let made = bench.append(&entries(*from, *to));
            *from = *to;
            Some(made)
        })
        .collect();
    assert_eq!(bench.kinds(&kept), []);
    // The same log, rewritten without one of the files: only an earlier checkpoint reveals it.
    let other = Bench {
        dir: tempfile::tempdir().expect("temp dir"),
        ..bench
    };
    create(other.dir.path(), "example.com/log", &other.root, &other.key).expect("an empty log");
    other.append(&[entries(0, 5), entries(6, 299)].concat());
    assert_eq!(other.kinds(&[]), []);
    use LogFaultKind::{Fork, Shrunk};
    assert_eq!(
        other.kinds(&kept),
        [Fork, Shrunk],
        "the first of them began with the same entry"
    );
    let foreign =
        Checkpoint::sign("example.com/other", 1, kept[0].root(), &other.key).expect("signed");
    let unsigned =
        Checkpoint::sign("example.com/log", 1, kept[0].root(), &other.other).expect("signed");
    assert_eq!(
        other.kinds(&[foreign, unsigned]),
        [Fork, LogFaultKind::Unsigned]
    );
}
