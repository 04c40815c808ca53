//! Compiles this crate to WebAssembly for the page, into a directory that the builds of one target
//! directory share; a later build finds it there. Without the compiler's target the page is missing, and the program says so.

use std::path::Path;
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";

fn main() {
    let [manifest, out] =
        ["CARGO_MANIFEST_DIR", "OUT_DIR"].map(|name| std::env::var(name).expect(name));
    let (manifest, out) = (Path::new(&manifest), Path::new(&out));
    for path in [
        "build.rs",
        "src",
        "Cargo.toml",
        "../pgseal-verify/src",
        "../pgseal-verify/Cargo.toml",
        "../../Cargo.lock",
    ] {
        if manifest.join(path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    // The module is this crate, too, and has no page inside.
    let is_module = std::env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "wasm32");
    let module = match is_module || !has_target() {
        true => Vec::new(),
        false => built(manifest, out).unwrap_or_else(|why| {
            println!("cargo::warning=`pgseal verifier` will have no page: {why}");
            Vec::new()
        }),
    };
    std::fs::write(out.join("page.wasm"), module).expect("the build's own directory is writable");
}

/// Whether the compiler has the target's standard library.
fn has_target() -> bool {
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let asked = Command::new(compiler)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output();
    let has = asked.is_ok_and(|answer| {
        let dir = String::from_utf8_lossy(&answer.stdout);
        std::fs::read_dir(dir.trim()).is_ok_and(|mut files| files.next().is_some())
    });
    if !has {
        println!(
            "cargo::warning=`pgseal verifier` will have no page: `rustup target add {TARGET}`, then build again"
        );
    }
    has
}

/// Builds the module. It needs the network only for crates that no build has fetched before.
fn built(manifest: &Path, out: &Path) -> Result<Vec<u8>, String> {
    // TARGET/PROFILE/build/CRATE/out; wherever it is, cargo made it.
    let target = out.ancestors().nth(4).unwrap_or(out).join("pgseal-page");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(manifest).args([
        "build",
        "--release",
        "--bin",
        "pgseal-page",
        "--target",
        TARGET,
    ]);
    cargo.args(["--locked", "--target-dir"]).arg(&target);
    for setting in [
        "opt-level=\"s\"",
        "lto=true",
        "codegen-units=1",
        "panic=\"abort\"",
        "strip=true",
    ] {
        cargo.args(["--config", &format!("profile.release.{setting}")]);
    }
    // What the program is compiled with is not for this target, and not the lints' compiler.
    for name in [
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTFLAGS",
        "RUSTC_WORKSPACE_WRAPPER",
        "CARGO_BUILD_TARGET",
    ] {
        cargo.env_remove(name);
    }
    cargo.env("CARGO_ENCODED_RUSTFLAGS", without_places(manifest));
    let answer = cargo.output().map_err(|error| error.to_string())?;
    if !answer.status.success() {
        let said = String::from_utf8_lossy(&answer.stderr);
        let error = said.lines().find(|line| line.starts_with("error"));
        return Err(error.unwrap_or("its module was not built").to_owned());
    }
    let module = target.join(TARGET).join("release/pgseal-page.wasm");
    std::fs::read(module).map_err(|error| error.to_string())
}

/// Flags by which the module has no paths of this machine: equal sources give an equal page.
fn without_places(manifest: &Path) -> String {
    let home = std::env::var("CARGO_HOME")
        .or_else(|_| std::env::var("HOME").map(|home| format!("{home}/.cargo")));
    let workspace = manifest.ancestors().nth(2).unwrap_or(manifest);
    let maps = [
        (home.unwrap_or_default(), "/cargo"),
        (workspace.display().to_string(), "/pgseal"),
    ];
    let maps = maps.iter().filter(|(from, _)| !from.is_empty());
    let flags = maps.map(|(from, to)| format!("--remap-path-prefix={from}={to}"));
    flags.collect::<Vec<_>>().join("\x1f")
}
