//! Backends of the digest: `sha2` by default, which uses a processor's SHA instructions; ring on
//! x86 processors without them. There, ring's assembler (AVX2, SSSE3) hashes 354 MB/s a core, and
//! sha2's portable code 191 (docs/benchmarks.md).

use sha2::Digest as _;

/// A digest in progress.
#[derive(Clone)]
pub(super) enum Backend {
    Sha2(sha2::Sha256),
    #[cfg(not(target_arch = "wasm32"))]
    Ring(ring::digest::Context),
}

impl Default for Backend {
    #[cfg(not(target_arch = "wasm32"))]
    fn default() -> Self {
        if has_instructions() {
            Self::sha2()
        } else {
            Self::ring()
        }
    }

    #[cfg(target_arch = "wasm32")]
    fn default() -> Self {
        Self::sha2()
    }
}

impl Backend {
    fn sha2() -> Self {
        Self::Sha2(sha2::Sha256::default())
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn ring() -> Self {
        Self::Ring(ring::digest::Context::new(&ring::digest::SHA256))
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha2(hash) => hash.update(bytes),
            #[cfg(not(target_arch = "wasm32"))]
            Self::Ring(hash) => hash.update(bytes),
        }
    }

    pub(super) fn finish(self) -> [u8; 32] {
        match self {
            Self::Sha2(hash) => hash.finalize().into(),
            #[cfg(not(target_arch = "wasm32"))]
            Self::Ring(hash) => {
                let mut value = [0; 32];
                value.copy_from_slice(hash.finish().as_ref());
                value
            }
        }
    }
}

/// True if `sha2` finds instructions for SHA-256, or if ring has no faster code for the processor.
/// The standard library caches the result.
#[cfg(not(target_arch = "wasm32"))]
fn has_instructions() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("sha");
    #[cfg(not(target_arch = "x86_64"))]
    return true;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn both_compute_the_same_however_the_bytes_arrive(
            bytes in prop::collection::vec(any::<u8>(), 0..2_000),
            cuts in prop::collection::vec(0_usize..2_000, 0..6),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let (mut sha2, mut ring) = (Backend::sha2(), Backend::ring());
            for pair in cuts.windows(2) {
                sha2.update(&bytes[pair[0]..pair[1]]);
                ring.update(&bytes[pair[0]..pair[1]]);
            }
            let whole: [u8; 32] = sha2::Sha256::digest(&bytes).into();
            prop_assert_eq!((sha2.finish(), ring.finish()), (whole, whole));
        }
    }

    #[test]
    fn a_copy_goes_on_by_itself() {
        for mut hash in [Backend::sha2(), Backend::ring()] {
            hash.update(b"a");
            let mut copy = hash.clone();
            copy.update(b"b");
            hash.update(b"c");
            assert_eq!(hash.finish(), <[u8; 32]>::from(sha2::Sha256::digest(b"ac")));
            assert_eq!(copy.finish(), <[u8; 32]>::from(sha2::Sha256::digest(b"ab")));
        }
    }
}
