//! The bundle file and the trust root, through the library: what is accepted, and above all what is not.

mod support;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pgseal::archive::source::ByteSource;
use pgseal::bundle::{AuthenticateError, UntrustedBundle};
use support::bundles::{Refused, now, one_roof, open, pack_dir, refusal};
use support::keys::{key, trusting};

/// A file of which one bit is flipped, or which ends too early, without copying it a million times.
struct Harmed {
    bytes: Arc<[u8]>,
    bit: Option<usize>,
    size: usize,
}

impl ByteSource for Harmed {
    fn size(&self) -> u64 {
        self.size as u64
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let (start, end) = (offset as usize, offset as usize + buffer.len());
        if end > self.size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buffer.copy_from_slice(&self.bytes[start..end]);
        if let Some(bit) = self.bit.filter(|bit| (start..end).contains(&(bit / 8))) {
            buffer[bit / 8 - start] ^= 1 << (bit % 8);
        }
        Ok(())
    }
}

/// Calls `check` with every number below `count`, on all cores.
fn for_all(count: usize, check: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let start = next.fetch_add(256, Ordering::Relaxed);
                    if start >= count {
                        break;
                    }
                    (start..count.min(start + 256)).for_each(&check);
                }
            });
        }
    });
}

#[test]
fn every_flipped_bit_of_the_reference_bundle_is_rejected() {
    let release = key("release");
    let root = trusting(&release);
    let bytes: Arc<[u8]> = pack_dir(&one_roof(), &[release]).into();
    let whole = Harmed { bytes: bytes.clone(), bit: None, size: bytes.len() };
    let accepted = UntrustedBundle::parse(Box::new(whole)).expect("well-formed").authenticate(&root, now());
    accepted.expect("unharmed it is authentic");
    let limit: usize = std::env::var("LIM").map_or(0, |l| l.parse().unwrap());
    let _ = limit;
    let (malformed, unauthentic) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let started = std::time::Instant::now();
    for_all(if limit > 0 { limit } else { bytes.len() * 8 }, |bit| {
        let bit = if limit > 0 { (bit * 7919) % (bytes.len() * 8) } else { bit };
        let harmed = Harmed { bytes: bytes.clone(), bit: Some(bit), size: bytes.len() };
        let count = match UntrustedBundle::parse(Box::new(harmed)) {
            Err(_) => &malformed,
            Ok(parsed) => {
                assert!(parsed.authenticate(&root, now()).is_err(), "bit {bit} can be flipped");
                &unauthentic
            }
        };
        count.fetch_add(1, Ordering::Relaxed);
    });
    eprintln!("{:?} {} {:?} {:?}", started.elapsed(), bytes.len(), malformed, unauthentic);
    assert_eq!(malformed.into_inner() + unauthentic.into_inner(), bytes.len() * 8);
}
