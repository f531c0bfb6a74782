//! The cache of compiled modules: used when it is ours, ignored when it is not.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use tidegate_engine::{Engine, EngineOptions};

use crate::wat::{Guest, KEEP, code, each};

fn engine(dir: &Path) -> Engine {
    Engine::new(EngineOptions { cache_dir: Some(dir.to_owned()), instances: 4, ..EngineOptions::default() }).unwrap()
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    entries.retain(|path| path.file_name().unwrap() != "key");
    entries.sort();
    entries
}

/// Loads a filter with a cache that already holds it, changed by `spoil`. Whether the entry was replaced.
async fn replaced(spoil: impl FnOnce(&Path)) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("cache");
    let wasm = Guest::filter(KEEP).wasm();
    engine(&cache).load(&wasm).await.unwrap();
    let [entry] = &entries(&cache)[..] else { panic!("{:?}", entries(&cache)) };
    spoil(entry);
    let before = fs::metadata(entry).unwrap().ino();
    engine(&cache).load(&wasm).await.unwrap();
    fs::metadata(entry).unwrap().ino() != before
}

#[tokio::test]
async fn a_cached_module_is_not_compiled_again() {
    assert!(!replaced(|_| ()).await);
}

#[tokio::test]
async fn an_entry_that_was_tampered_with_is_compiled_anew() {
    let flip = |at: fn(usize) -> usize| {
        move |entry: &Path| {
            let mut bytes = fs::read(entry).unwrap();
            let at = at(bytes.len());
            bytes[at] ^= 1;
            fs::write(entry, bytes).unwrap();
        }
    };
    assert!(replaced(flip(|_| 100)).await);
    assert!(replaced(flip(|len| len / 2)).await);
    assert!(replaced(flip(|len| len - 1)).await);
    assert!(replaced(|entry| fs::write(entry, b"short").unwrap()).await);
}

#[tokio::test]
async fn an_entry_under_a_wrong_name_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("cache");
    let (keeps, drops) = (Guest::filter(KEEP).wasm(), Guest::filter(&each(&code(1))).wasm());
    engine(&cache).load(&keeps).await.unwrap();
    let kept = entries(&cache).remove(0);
    engine(&cache).load(&drops).await.unwrap();
    let dropped = entries(&cache).into_iter().find(|path| *path != kept).unwrap();
    fs::copy(&kept, &dropped).unwrap();
    engine(&cache).load(&drops).await.unwrap();
    assert_ne!(fs::read(&kept).unwrap(), fs::read(&dropped).unwrap());
}

#[tokio::test]
async fn an_entry_with_another_hosts_key_is_compiled_anew() {
    assert!(
        replaced(|entry| {
            let key = entry.with_file_name("key");
            fs::write(key, [7; 32]).unwrap();
        })
        .await
    );
}

#[tokio::test]
async fn a_directory_that_others_may_enter_is_not_used() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    engine(dir.path()).load(&Guest::filter(KEEP).wasm()).await.unwrap();
    assert_eq!(entries(dir.path()), [] as [PathBuf; 0]);
}

#[tokio::test]
async fn the_cache_is_private() {
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("deep/cache");
    engine(&cache).load(&Guest::filter(KEEP).wasm()).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(&cache), 0o700);
    assert_eq!(mode(&cache.join("key")), 0o600);
    assert_eq!(mode(&entries(&cache)[0]), 0o600);
}
