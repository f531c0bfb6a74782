//! Secrets on a real file system; the clock is handed in.
#![allow(clippy::expect_used, reason = "tests")]

use std::os::unix::fs::symlink;

use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::config;

fn secret(config: serde_json::Value, base_dir: &Path) -> Secret {
    let config: SecretConfig = config::parse(&config).expect("config");
    Secret::compile(&config, base_dir).expect("secret")
}

/// A secret in the file `token`, and a clock.
struct Fixture {
    dir: TempDir,
    secret: Secret,
    now: Instant,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("dir");
        let secret = secret(json!({"file": "token"}), dir.path());
        Self { dir, secret, now: Instant::now() }
    }

    fn write(&self, value: impl AsRef<[u8]>) {
        fs::write(self.dir.path().join("token"), value).expect("write");
    }

    fn later(&mut self) {
        self.now += LOOK_AGAIN;
    }

    fn value(&self) -> Vec<u8> {
        self.secret.read_at(self.now).expect("value").to_vec()
    }

    fn problem(&self) -> String {
        self.secret.read_at(self.now).expect_err("no value").problem
    }
}

#[test]
fn exactly_one_place_is_named() {
    let refused = [
        (json!({}), "", "a secret needs `file` or `env`"),
        (json!({"file": "a", "env": "A"}), "", "a secret has `file` or `env`, not both"),
        (json!({"file": ""}), "/file", "`file` is empty"),
        (json!({"env": "A=B"}), "/env", "`env` is no name of a variable"),
        (json!({"env": ""}), "/env", "`env` is no name of a variable"),
    ];
    for (config, pointer, problem) in refused {
        let parsed: SecretConfig = config::parse(&config).expect("shape");
        let errors = Secret::compile(&parsed, Path::new("/")).expect_err("refused");
        assert_eq!((errors[0].pointer.as_str(), errors[0].problem.as_str()), (pointer, problem), "{config}");
    }
    for shape in [json!("hunter2"), json!({"value": "hunter2"})] {
        config::parse::<SecretConfig>(&shape).expect_err("a value in the document");
    }
}

#[test]
fn one_line_end_of_a_file_is_cut() {
    for (content, value) in
        [("a", "a"), ("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), (" a ", " a "), ("a\r", "a\r"), ("\na", "\na")]
    {
        let fixture = Fixture::new();
        fixture.write(content);
        assert_eq!(fixture.value(), value.as_bytes(), "{content:?}");
    }
}

#[test]
fn what_is_no_secret_is_refused_and_named() {
    let fits = "x".repeat(SECRET_BYTES_MAX);
    for (content, problem) in [
        (Some(String::new()), "is empty"),
        (Some("\n".to_owned()), "is empty"),
        (Some(format!("{fits}x")), "is larger than 64 KiB"),
        (Some(format!("{fits}x\r\n")), "is larger than 64 KiB"),
        (None, "No such file or directory"),
    ] {
        let fixture = Fixture::new();
        if let Some(content) = &content {
            fixture.write(content);
        }
        assert!(fixture.problem().contains(problem), "{problem}: {}", fixture.problem());
    }
    let fixture = Fixture::new();
    fixture.write(format!("{fits}\r\n"));
    assert_eq!(fixture.value().len(), SECRET_BYTES_MAX);
    let folder = secret(json!({"file": "."}), fixture.dir.path());
    assert_eq!(folder.read().expect_err("folder").problem, "is not a file");
}

#[test]
fn a_change_is_seen_at_the_next_look_and_not_before() {
    let mut fixture = Fixture::new();
    fixture.write("old");
    assert_eq!(fixture.value(), b"old");
    fixture.write("new");
    assert_eq!(fixture.value(), b"old");
    fixture.later();
    assert_eq!(fixture.value(), b"new");
}

#[test]
fn the_same_value_is_the_same_arc() {
    let mut fixture = Fixture::new();
    fixture.write("same");
    let first = fixture.secret.read_at(fixture.now).expect("value");
    fixture.later();
    fixture.write("same\n");
    assert!(Arc::ptr_eq(&first, &fixture.secret.read_at(fixture.now).expect("value")));
}

#[test]
fn a_file_that_comes_late_is_found() {
    let mut fixture = Fixture::new();
    assert!(fixture.problem().contains("No such file"));
    fixture.write("late");
    fixture.later();
    assert_eq!(fixture.value(), b"late");
}

#[test]
fn the_last_value_outlives_its_file() {
    let mut fixture = Fixture::new();
    fixture.write("kept");
    assert_eq!(fixture.value(), b"kept");
    fixture.later();
    fs::remove_file(fixture.dir.path().join("token")).expect("remove");
    assert_eq!(fixture.value(), b"kept");
    fixture.later();
    // As while somebody writes it in place.
    fixture.write("");
    assert_eq!(fixture.value(), b"kept");
    fixture.later();
    fixture.write("next");
    assert_eq!(fixture.value(), b"next");
}

#[test]
fn a_swapped_kubernetes_folder_is_seen() {
    let mut fixture = Fixture::new();
    let dir = fixture.dir.path().to_owned();
    for (folder, value) in [("..1", "first"), ("..2", "other")] {
        fs::create_dir(dir.join(folder)).expect("folder");
        fs::write(dir.join(folder).join("token"), value).expect("write");
    }
    symlink("..1", dir.join("..data")).expect("link");
    symlink("..data/token", dir.join("token")).expect("link");
    assert_eq!(fixture.value(), b"first");
    symlink("..2", dir.join("..data_tmp")).expect("link");
    fs::rename(dir.join("..data_tmp"), dir.join("..data")).expect("swap");
    fixture.later();
    assert_eq!(fixture.value(), b"other");
}

#[test]
fn a_variable_is_read_as_it_is() {
    // Cargo sets it for every test.
    let name = secret(json!({"env": "CARGO_PKG_NAME"}), Path::new("/"));
    assert_eq!(&*name.read().expect("value"), env!("CARGO_PKG_NAME").as_bytes());
    let error = secret(json!({"env": "TIDEGATE_NO_SUCH_VARIABLE"}), Path::new("/")).read().expect_err("not set");
    assert_eq!(error.to_string(), "$TIDEGATE_NO_SUCH_VARIABLE: is not set");
}

#[test]
fn nothing_shows_the_value() {
    let fixture = Fixture::new();
    fixture.write("hunter2");
    assert_eq!(fixture.value(), b"hunter2");
    assert!(!format!("{:?}", fixture.secret).contains("hunter2"));
    assert!(!format!("{:?}", fixture.secret).contains("104, 117"));
}
