//! Documents with the digests of their modules in them, and the modules at the host.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::{
    client::HostArgs,
    host,
    problem::{OrProblem as _, problem},
};

/// Reads documents, uploads modules that the host has not, and gives texts that name them by digest.
pub(crate) async fn documents(at: &HostArgs, paths: &[PathBuf]) -> anyhow::Result<Vec<String>> {
    let mut texts = Vec::new();
    for file in host::read(paths)?.files {
        let folder = Path::new(&file.path).parent().unwrap_or(Path::new("")).to_owned();
        for piece in tidegate_policy::names::pieces(&file) {
            let file = |module: &serde_json::Value| {
                module.as_str().and_then(|module| module.strip_prefix("file:")).map(str::to_owned)
            };
            if let Some(baseline) = file(&piece.value["spec"]["rollout"]["baseline"]["module"]) {
                let (digest, bytes) = read(&folder.join(baseline)).await?;
                upload(at, &digest, bytes).await?;
            }
            let module = file(&piece.value["spec"]["wasm"]["module"]);
            let Some(module) = module else {
                texts.push(piece.text);
                continue;
            };
            let path = folder.join(module);
            let (digest, bytes) = read(&path).await?;
            texts.push(match piece.value["spec"]["wasm"]["digest"].as_str() {
                Some(wanted) if wanted == digest => piece.text,
                Some(_) => {
                    let what = format!("{} is not the module that its document names: it has {digest}", path.display());
                    return Err(problem(what, "write that digest into the document, or leave it out"));
                }
                None => {
                    let mut value = piece.value;
                    value["spec"]["wasm"]["digest"] = digest.as_str().into();
                    format!("---\n{value:#}\n")
                }
            });
            upload(at, &digest, bytes).await?;
        }
    }
    Ok(texts)
}

/// A module and its digest.
async fn read(path: &Path) -> anyhow::Result<(String, Bytes)> {
    let bytes = tokio::fs::read(path).await;
    let hint = "a module's path is relative to the folder of its document";
    let bytes = bytes.or_problem(format!("the module {} cannot be read", path.display()), hint)?;
    Ok((format!("sha256:{:x}", Sha256::digest(&bytes)), bytes.into()))
}

async fn upload(at: &HostArgs, digest: &str, bytes: Bytes) -> anyhow::Result<()> {
    let path = format!("/v1/modules/{digest}");
    if at.call("GET", &path, &[], Bytes::new()).await?.status == 404 {
        at.call("PUT", &path, &[("content-type", "application/wasm")], bytes).await?.fine()?;
    }
    Ok(())
}
