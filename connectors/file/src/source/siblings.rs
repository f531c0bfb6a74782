//! Finds a rotated file in its folder, and the files rotated after it.

use std::fs;
use std::os::unix::fs::DirEntryExt;
use std::path::{Path, PathBuf};

use super::position::FileId;

/// What a file is called now, if it still is in the folder of `path`.
pub(super) fn find(path: &Path, id: FileId) -> Option<PathBuf> {
    let same = |entry: &fs::DirEntry| {
        entry.ino() == id.ino && entry.metadata().is_ok_and(|found| found.is_file() && FileId::of(&found) == id)
    };
    entries(path).find(same).map(|entry| entry.path())
}

/// Rotated files younger than `rotated`, oldest first: `orders.3` is followed by `orders.2` and `orders.1`, and
/// `orders-20260130` by `orders-20260131`. Names that are neither numbered nor dated have no order, and no successors.
pub(super) fn successors(path: &Path, rotated: &Path) -> Vec<PathBuf> {
    let Some(suffix) = suffix_of(path, rotated) else { return Vec::new() };
    if let Some(number) = number(&suffix) {
        let younger = (1..number).rev().map(|n| PathBuf::from(format!("{}.{n}", path.display())));
        return younger.filter(|path| path.is_file()).collect();
    }
    if !is_date(&suffix) {
        return Vec::new();
    }
    let mut younger: Vec<(String, PathBuf)> = entries(path)
        .filter_map(|entry| Some((suffix_of(path, &entry.path())?, entry.path())))
        .filter(|(other, _)| shape(other) == shape(&suffix) && *other > suffix)
        .collect();
    younger.sort();
    younger.into_iter().map(|(_, path)| path).collect()
}

fn entries(path: &Path) -> impl Iterator<Item = fs::DirEntry> + use<> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::read_dir(folder).into_iter().flatten().flatten()
}

/// What `rotated` has behind the name of `path`.
fn suffix_of(path: &Path, rotated: &Path) -> Option<String> {
    let suffix = rotated.file_name()?.to_str()?.strip_prefix(path.file_name()?.to_str()?)?;
    (!suffix.is_empty()).then(|| suffix.to_owned())
}

/// `.3`; more than four digits are a date.
fn number(suffix: &str) -> Option<u32> {
    let digits = suffix.strip_prefix('.')?;
    (digits.len() <= 4).then(|| digits.parse().ok()).flatten()
}

fn is_date(suffix: &str) -> bool {
    let digits = suffix.bytes().filter(u8::is_ascii_digit).count();
    digits >= 6 && suffix.bytes().all(|b| b.is_ascii_digit() || b"-._T:Z".contains(&b))
}

/// The suffix with every digit alike: dates compare as text only within one shape.
fn shape(suffix: &str) -> String {
    suffix.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn check(files: &[&str], rotated: &str, expected: &[&str]) {
        let folder = tempfile::tempdir().unwrap();
        for name in files {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let got = successors(&folder.path().join("o"), &folder.path().join(rotated));
        let names: Vec<_> = got.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, expected, "after {rotated}");
    }

    #[test]
    fn numbered_and_dated_files_have_an_order_and_others_have_none() {
        let numbered = ["o", "o.1", "o.2", "o.3", "o.10", "o.2.gz"];
        check(&numbered, "o.3", &["o.2", "o.1"]);
        check(&numbered, "o.1", &[]);
        check(&["o", "o.2", "o.10"], "o.10", &["o.2"]);
        let dated = ["o", "o-20260130", "o-20260201", "o-20260131", "o-20260202.gz", "o-2026-02-03", "p-20260204"];
        check(&dated, "o-20260130", &["o-20260131", "o-20260201"]);
        check(&["o", "o.old", "o.older"], "o.old", &[]);
    }
}
