//! Sources and exports of an audit through the real program: a real S3 server (moto), DuckDB, a browser.

#![allow(clippy::unwrap_used)]

#[cfg(feature = "object-store")]
mod objects;
mod page;
#[cfg(feature = "parquet")]
mod parquet;
mod site;
use pgseal_testkit::site::Site;

/// Addresses that name no store, or one without support in this build, are refused before the audit begins.
#[test]
fn addresses_that_are_none() {
    let site = Site::new();
    for (address, why) in [
        ("http://host/a", "audit does not read http://"),
        ("s3://", "names no bucket"),
        ("s3:///a", "names no bucket"),
        ("gs://bucket//a", "names no bucket or no objects"),
        ("file://host/a", "names no file of this host"),
        ("file:///%zz", "names no file of this host"),
        ("x\u{1b}[2J://a", "audit does not read"),
    ] {
        site.refused(2, why, ["audit", address]);
    }
    for file in ["missing/a.html", "."] {
        site.refused(
            1,
            "can't be written",
            ["audit", "trust.json", "--html", file],
        );
    }
}

#[cfg(not(feature = "object-store"))]
#[test]
fn without_the_feature_a_store_is_refused() {
    let hint = Site::new()
        .refused(2, "built without object stores", ["audit", "s3://bucket/a"])
        .stderr;
    assert!(hint.contains("--features object-store"), "{hint}");
}

#[cfg(not(feature = "parquet"))]
#[test]
fn without_the_feature_parquet_is_refused() {
    let hint = Site::new()
        .refused(
            2,
            "built without Parquet",
            ["audit", "trust.json", "--parquet", "a"],
        )
        .stderr;
    assert!(hint.contains("--features parquet"), "{hint}");
}
