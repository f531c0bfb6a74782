//! What a new folder holds. That it builds and passes its tests is shown by the tests of the whole program.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

const LANGUAGES: [Language; 3] = [Language::Rust, Language::Go, Language::AssemblyScript];

fn all() -> impl Iterator<Item = (Language, Kind)> {
    LANGUAGES.into_iter().flat_map(|language| Kind::ALL.map(|kind| (language, kind)))
}

#[test]
fn every_folder_has_what_its_readme_says() {
    for (language, kind) in all() {
        let files = files("order-guard", language, kind);
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        let wanted = [
            ".gitignore",
            "README.md",
            "events.jsonl",
            "expected.jsonl",
            "flow.yaml",
            "in.jsonl",
            "policy.yaml",
            "schema.json",
            "tests/cases.yaml",
            language.source(),
        ];
        for wanted in wanted {
            assert!(names.contains(&wanted), "{language:?} {kind:?}: no {wanted} in {names:?}");
        }
        let sdk = names.iter().filter(|name| name.starts_with(".tidegate/sdk/")).count();
        assert!(sdk > 10, "{language:?}: {sdk} files of the SDK");
    }
}

#[test]
fn no_placeholder_and_no_place_of_the_repository_is_left() {
    for (language, kind) in all() {
        for (name, text) in files("order-guard", language, kind) {
            let text = String::from_utf8(text).unwrap();
            let own = !name.starts_with(".tidegate/sdk/");
            for word in ["my-filter", "my-transform", "my-matcher", "my-module", "%KIND%", "%"].iter().filter(|_| own) {
                assert!(!text.contains(word), "{language:?} {kind:?} {name}: {word}");
            }
            assert!(!text.contains("workspace = true"), "{language:?} {name} inherits what is not there");
            // What is only read may say where it is developed.
            assert!(
                name.ends_with(".md") || !text.contains("sdk-guest/"),
                "{language:?} {name} points into the repository"
            );
        }
    }
}

#[test]
fn a_folder_is_written_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("filters/order-guard");
    new(&path, Language::Rust, Kind::Filter).unwrap();
    assert!(path.join("src/lib.rs").is_file());
    let manifest = fs::read_to_string(path.join("Cargo.toml")).unwrap();
    assert!(manifest.contains("name = \"order-guard\""), "{manifest}");
    let left: Vec<_> =
        fs::read_dir(dir.path().join("filters")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["order-guard"]);
}

#[test]
fn what_is_there_is_never_touched() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("guard");
    fs::create_dir(&path).unwrap();
    for _ in 0..2 {
        let refused = new(&path, Language::Rust, Kind::Filter).unwrap_err();
        assert!(matches!(&refused, NewError::Exists { path: there } if *there == path), "{refused:?}");
        fs::remove_dir(&path).unwrap();
        fs::write(&path, "a file").unwrap();
        assert!(new(&path, Language::Rust, Kind::Filter).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "a file");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
    }
    let refused = new(Path::new("Guard"), Language::Go, Kind::Matcher).unwrap_err();
    assert_eq!(refused.to_string(), "`Guard` cannot be the name of a module");
    assert!(!Path::new("Guard").exists());
}
