//! What `tidegate new` makes builds at once, passes the language's own tests, and builds to the same bytes twice: for every language
//! and kind. (That it also does in the real engine what its cases say is a test of the whole program.)

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::Command;

use tidegate_build::{BuildOptions, Built, Kind, Language, build, new};

/// Of all Rust folders: their dependencies are compiled once.
fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("new")
}

fn native_tests(folder: &Path, language: Language) {
    let mut words = language.native_test().split(' ');
    let mut command = Command::new(words.next().unwrap());
    command.args(words).current_dir(folder).env("CARGO_TARGET_DIR", target()).env_remove("RUSTFLAGS");
    let output = command.output().unwrap_or_else(|error| panic!("`{}`: {error}", language.native_test()));
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (said(&output.stdout), said(&output.stderr));
    assert!(output.status.success(), "{} in {}\n{out}\n{err}", language.native_test(), folder.display());
}

fn built(folder: &Path) -> Built {
    let options = BuildOptions { target_dir: Some(target()), ..BuildOptions::default() };
    build(folder, &options).unwrap_or_else(|error| panic!("{}: {error}: {:?}", folder.display(), error.hint()))
}

fn check(language: Language) {
    for kind in Kind::ALL {
        let dir = tempfile::tempdir().unwrap();
        let [here, there] = ["here", "over/there"].map(|place| dir.path().join(place).join("order-watch"));
        new(&here, language, kind).unwrap();
        let first = built(&here);
        assert!(first.path.ends_with("target/tidegate/order-watch.wasm"), "{first:?}");
        native_tests(&here, language);
        let words = [r#""name":"order-watch""#, r#""version":"0.1.0""#, kind.word(), "configSchema", "sha256:"];
        let bytes = std::fs::read(&first.path).unwrap();
        for word in words {
            assert!(
                bytes.windows(word.len()).any(|window| window == word.as_bytes()),
                "{kind:?}: no {word} on its label"
            );
        }
        new(&there, language, kind).unwrap();
        assert_eq!(built(&there).digest, first.digest, "{language:?} {kind:?}: the same source, another place");
    }
}

#[test]
fn rust() {
    check(Language::Rust);
}

#[test]
fn go() {
    check(Language::Go);
}

#[test]
fn assemblyscript() {
    check(Language::AssemblyScript);
}
