//! Large files: hashed, inflated and deflated on every core, in memory that does not depend on their size.

use pgseal::bundle::contents::ContentError;
use pgseal::bundle::stream::CopyError;
use pgseal::bundle::subjects::{FileFault, SubjectError};
use pgseal::bundle::{AuthenticateError, AuthenticatedBundle, UntrustedBundle};
use pgseal::trust::TrustRoot;
use pgseal_testkit::bundles::{bend, now, open, pack, small, write_dir};
use pgseal_testkit::keys::{key, trusting};
use pgseal_testkit::site::Site;
use pgseal_verify::archive::header;
use pgseal_verify::archive::read::Archive;
use pgseal_verify::archive::source::{self, ByteSource};
use pgseal_verify::digest::{Digest, Hasher};
use pgseal_verify::entry_path::EntryPath;
use pgseal_verify::limits;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

const MB: usize = 1 << 20;

/// Generates noise, which does not compress.
fn noise(size: usize, mut state: u64) -> Vec<u8> {
    let word = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 32) as u32
    };
    std::iter::repeat_with(word)
        .take(size / 4)
        .flat_map(u32::to_le_bytes)
        .collect()
}

/// Generates rows in COPY format, which compress to a third.
fn rows(size: usize) -> Vec<u8> {
    let mut rows = Vec::with_capacity(size + 100);
    for (at, word) in noise(4 * MB, 5).chunks_exact(4).cycle().enumerate() {
        let word = u32::from_le_bytes(word.try_into().expect("four bytes"));
        writeln!(rows, "{at}\trow {}\t{:08x}\t\\N", word % 500, word).expect("memory");
        if rows.len() >= size {
            break;
        }
    }
    rows
}

/// Waits for the program to succeed, and returns its peak memory in KiB.
fn peak(mut child: Child) -> u64 {
    let (status, mut peak) = (format!("/proc/{}/status", child.id()), 0);
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        // The peak only grows; the growth after the last sample is small.
        peak = now.unwrap_or(peak);
        if let Some(status) = child.try_wait().expect("our own child") {
            assert!(status.success(), "{status}");
            return peak;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn memory_stays_below_64_mib() {
    let site = Site::new();
    let release = site.path("release");
    write_dir(&release, &small());
    std::fs::create_dir(release.join("data")).expect("writable");
    let rows = rows(80 * MB);
    for name in ["a.tsv", "b.tsv"] {
        std::fs::write(release.join("data").join(name), &rows).expect("room");
    }
    std::fs::write(release.join("data/noise.bin"), noise(40 * MB, 1)).expect("room");
    // Many files that are each small enough to be kept in memory.
    for at in 0..40 {
        std::fs::write(
            release.join(format!("data/small_{at:02}.bin")),
            &rows[at * MB..(at + 1) * MB],
        )
        .expect("room");
    }
    let peak = |args: &[&str], out: Stdio| {
        peak(
            site.command(args)
                .stdout(out)
                .stderr(Stdio::null())
                .spawn()
                .expect("the program starts"),
        )
    };
    // The pages of the program itself count too, and a debug build has many.
    let program = peak(&["--version"], Stdio::null());
    let run = |args: &[&str], out: Stdio| {
        let peak = peak(args, out).saturating_sub(program);
        assert!(
            peak > 1024 && peak < 64 << 10,
            "{args:?} had {peak} KiB more than the program itself"
        );
    };
    run(
        &[
            "pack",
            "release",
            "-o",
            "large.pgseal",
            "--key",
            "release.key",
        ],
        Stdio::null(),
    );
    run(&["verify", "large.pgseal"], Stdio::null());
    run(&["verify", "large.pgseal", "--contents"], Stdio::null());
    run(&["unpack", "large.pgseal", "-C", "again"], Stdio::null());
    let out = File::create(site.path("b.tsv")).expect("writable");
    run(&["cat", "large.pgseal", "data/b.tsv"], out.into());
    assert!(site.read("b.tsv") == rows && site.read("again/data/a.tsv") == rows);
    assert!(site.read("again/data/noise.bin") == noise(40 * MB, 1));
    // Streaming from disk packs the same bytes as packing from memory at once.
    let files = walkdir::WalkDir::new(&release)
        .into_iter()
        .map(|entry| entry.expect("readable"));
    let files = files
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            let path = entry
                .path()
                .strip_prefix(&release)
                .expect("inside")
                .to_str()
                .expect("plain")
                .to_owned();
            (path, std::fs::read(entry.path()).expect("readable"))
        });
    let secret = pgseal::trust::SecretKey::read(&site.path("release.key"), || unreachable!())
        .expect("a key");
    assert!(site.read("large.pgseal") == pack(&files.collect(), &[secret]));
}

/// Writes a bundle that is larger than one read to disk.
fn on_the_disk<'r>(dir: &Path, root: &'r TrustRoot) -> (AuthenticatedBundle<'r>, File) {
    let release = key("release");
    let mut files = small();
    files.insert("data/noise.bin".to_owned(), noise(18 * MB, 1));
    files.insert("data/rows.tsv".to_owned(), rows(8 * MB));
    let path = dir.join("bundle");
    std::fs::write(&path, pack(&files, &[release])).expect("writable");
    let bundle = UntrustedBundle::parse(pgseal::open_file::open(&path).expect("a file"))
        .expect("well-formed");
    let bundle = bundle.authenticate(root, now()).expect("authentic");
    (
        bundle,
        File::options()
            .read(true)
            .write(true)
            .open(path)
            .expect("our own file"),
    )
}

#[test]
fn a_bundle_that_changes_while_it_is_in_use_is_not_used() {
    let dir = tempfile::tempdir().expect("a directory");
    let root = trusting(&key("release"));
    let (bundle, file) = on_the_disk(dir.path(), &root);
    let archive =
        Archive::parse(pgseal::open_file::open(&dir.path().join("bundle")).expect("a file"))
            .expect("well-formed");
    let path = |name: &str| name.parse::<EntryPath>().expect("a path");
    bundle.check_contents().expect("not changed yet");
    bundle
        .copy_all(|_| Ok(io::sink()))
        .expect("not changed yet");
    for (member, name) in [
        ("data/noise.bin", "data/noise.bin"),
        ("data/rows.tsv.gz", "data/rows.tsv"),
    ] {
        let member = archive
            .members()
            .iter()
            .find(|m| m.path.as_str() == member)
            .expect("there")
            .clone();
        // Both changes leave the file well-formed: one is in the middle; the other is in the size at the end of the
        // gzip member.
        for at in [
            member.offset + member.size / 2,
            member.offset + member.size - 1,
        ] {
            let mut byte = [0];
            file.read_exact_at(&mut byte, at).expect("there");
            file.write_all_at(&[byte[0] ^ 1], at).expect("our own file");
            let copied = bundle.copy(&path(name), &mut io::sink());
            assert!(
                matches!(copied, Err(CopyError::Content(ContentError::Changed(p))) if p == path(name))
            );
            let all = bundle.copy_all(|_| Ok(io::sink()));
            assert!(
                matches!(all, Err(CopyError::Content(ContentError::Changed(p))) if p == path(name))
            );
            file.write_all_at(&byte, at).expect("our own file");
        }
    }
    bundle.copy_all(|_| Ok(io::sink())).expect("as it was");
    file.set_len(1 << 20).expect("our own file");
    assert!(
        matches!(bundle.check_contents(), Err(ContentError::Io { path: p, .. }) if p == path("data/rows.tsv"))
    );
}

#[test]
fn an_output_that_takes_no_more_is_told() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let dir = tempfile::tempdir().expect("a directory");
    let root = trusting(&key("release"));
    let (bundle, _) = on_the_disk(dir.path(), &root);
    for name in ["data/noise.bin", "data/rows.tsv"] {
        let copied = bundle.copy(&name.parse().expect("a path"), &mut Full);
        let Err(CopyError::Write { path, source }) = copied else {
            panic!("{copied:?}")
        };
        assert_eq!(
            (path.as_str(), source.kind()),
            (name, io::ErrorKind::StorageFull)
        );
    }
}

#[test]
fn every_fault_is_found_on_every_core_in_the_order_of_names() {
    let release = key("release");
    let mut files = small();
    (0..24)
        .for_each(|at| drop(files.insert(format!("data/{at:02}.bin"), noise(MB + at, at as u64))));
    let good = pack(&files, std::slice::from_ref(&release));
    let wrong = ["data/03.bin", "data/04.bin", "data/20.bin"];
    let mut bytes = good.clone();
    let archive = Archive::parse(Box::new(source::InMemory(good.into()))).expect("well-formed");
    for member in archive
        .members()
        .iter()
        .filter(|member| wrong.contains(&member.path.as_str()))
    {
        bytes[(member.offset + member.size - 1) as usize] ^= 0x80;
    }
    let refused =
        UntrustedBundle::parse(Box::new(source::InMemory(bytes.into()))).expect("well-formed");
    let Err(AuthenticateError::Files(SubjectError::Faults { faults, total })) =
        refused.authenticate(&trusting(&release), now())
    else {
        panic!("changed files are refused")
    };
    let names: Vec<&str> = faults
        .iter()
        .map(|fault| match fault {
            FileFault::Changed { name, .. } => name.as_str(),
            FileFault::Missing(name) | FileFault::Extra(name) => panic!("{name}"),
        })
        .collect();
    assert_eq!((names.as_slice(), total), (wrong.as_slice(), files.len()));
}

#[test]
fn a_full_medium_leaves_nothing_beside_the_output() {
    let site = Site::new();
    write_dir(&site.path("release"), &small());
    std::fs::create_dir(site.path("release/data")).expect("writable");
    (0..3).for_each(|at| {
        drop(site.write(
            &format!("release/data/{at}.tsv"),
            [&noise(9 * MB, at)[..], &[0; MB]].concat(),
        ))
    });
    // The limit in blocks of 512 bytes is below the size of the compressed files.
    let line = format!(
        "ulimit -f 20000; exec '{}' pack release -o out.pgseal",
        env!("CARGO_BIN_EXE_pgseal")
    );
    let before = site.snapshot();
    let mut shell = std::process::Command::new("sh");
    let output = shell
        .args(["-c", &line])
        .current_dir(site.dir())
        .output()
        .expect("sh is there");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stderr).starts_with("pgseal: error: out.pgseal: "),
        "{output:?}"
    );
    assert_eq!(site.snapshot(), before);
}

#[test]
fn a_file_of_8_gib_is_refused_before_it_is_read() {
    let site = Site::new();
    write_dir(&site.path("release"), &small());
    let file = File::create(site.path("release/huge.bin")).expect("writable");
    file.set_len(limits::MEMBER_BYTES + 1)
        .expect("a sparse file");
    let refused = site.refused(2, "huge.bin", ["pack", "release", "-o", "huge.pgseal"]);
    assert!(
        refused.stderr.contains("the file has 8 GiB or more"),
        "{}",
        refused.stderr
    );
}

/// Zeros, except for the given bytes at their offsets.
struct Sparse {
    size: u64,
    written: Vec<(u64, Vec<u8>)>,
}

impl ByteSource for Sparse {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        for (at, byte) in (offset..).zip(buffer) {
            let written = self
                .written
                .iter()
                .find(|(start, bytes)| (*start..*start + bytes.len() as u64).contains(&at));
            *byte = written.map_or(0, |(start, bytes)| bytes[(at - start) as usize]);
        }
        Ok(())
    }
}

/// Creates the small release with `count` files of `size` zeros that take no memory; `sha256` is the digest of each.
fn with_zeros(count: u64, size: u64, sha256: Digest) -> Sparse {
    let release = key("release");
    let add = |statement: &mut Value| {
        for at in 0..count {
            let (name, sha256) = (format!("zeros/{at}.bin"), sha256.to_string());
            let subject = json!({ "name": name, "digest": { "sha256": sha256 } });
            statement["subject"]
                .as_array_mut()
                .expect("a list")
                .push(subject);
            let file = json!({ "path": name, "stored": "raw", "size": size, "sha256": sha256 });
            statement["predicate"]["files"]
                .as_array_mut()
                .expect("a list")
                .push(file);
        }
    };
    let mut head = bend(
        &pack(&small(), std::slice::from_ref(&release)),
        &release,
        add,
    );
    head.truncate(head.len() - 1024);
    let (mut end, mut written) = (head.len() as u64, vec![(0, head)]);
    for at in 0..count {
        let path = format!("zeros/{at}.bin").parse().expect("a path");
        written.push((end, header::encode(&path, size).to_vec()));
        end += 512 + size.next_multiple_of(512);
    }
    Sparse {
        size: end + 1024,
        written,
    }
}

#[test]
fn the_places_of_members_behind_8_gib() {
    let sparse = with_zeros(4, limits::MEMBER_BYTES, Digest::of(b""));
    let size = sparse.size;
    assert!(size > 32 << 30);
    let archive = Archive::parse(Box::new(sparse)).expect("well-formed");
    let last = archive.members().last().expect("members");
    assert_eq!(
        (last.path.as_str(), last.size),
        ("zeros/3.bin", limits::MEMBER_BYTES)
    );
    assert_eq!(last.offset + (8 << 30) + 1024, size);
}

/// Takes about twenty seconds with SHA instructions, minutes without. The file is sparse.
#[test]
#[ignore = "hashes 16 GiB"]
fn a_bundle_of_more_than_8_gib_is_authentic() {
    let zeros = vec![0; MB];
    let mut hasher = Hasher::default();
    (0..4 << 10).for_each(|_| hasher.update(&zeros));
    let sparse = with_zeros(3, 4 << 30, hasher.finish());
    let dir = tempfile::tempdir().expect("a directory");
    let mut file = File::create_new(dir.path().join("bundle")).expect("writable");
    for (at, bytes) in &sparse.written {
        file.seek(SeekFrom::Start(*at))
            .and_then(|_| file.write_all(bytes))
            .expect("writable");
    }
    file.set_len(sparse.size).expect("a sparse file");
    let source = pgseal::open_file::open(&dir.path().join("bundle")).expect("a file");
    let bundle = UntrustedBundle::parse(source).expect("well-formed");
    let root = trusting(&key("release"));
    let bundle = bundle.authenticate(&root, now()).expect("authentic");
    bundle.check_contents().expect("the signed content");
    assert_eq!(
        bundle.size(&"zeros/2.bin".parse().expect("a path")),
        Some(4 << 30)
    );
    file.write_all_at(b"x", sparse.size - 2000)
        .expect("writable");
    let changed = UntrustedBundle::parse(
        pgseal::open_file::open(&dir.path().join("bundle")).expect("a file"),
    );
    let Err(refused) = changed
        .expect("well-formed")
        .authenticate(&trusting(&key("release")), now())
    else {
        panic!("a changed byte is refused")
    };
    assert!(
        refused.to_string().contains("zeros/2.bin was changed"),
        "{refused}"
    );
}

#[test]
fn a_small_bundle_is_read_as_before() {
    let release = key("release");
    let root = trusting(&release);
    let bundle = open(&pack(&small(), std::slice::from_ref(&release)), &root).expect("authentic");
    let mut text = Vec::new();
    bundle
        .copy(&"rollback/01_table.sql".parse().expect("a path"), &mut text)
        .expect("there");
    assert_eq!(text, b"drop table if exists t;\n");
    let missing = bundle.copy(&"no.sql".parse().expect("a path"), &mut io::sink());
    assert!(matches!(
        missing,
        Err(CopyError::Content(ContentError::NotFound(_)))
    ));
}
