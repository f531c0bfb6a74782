//! The types of the host are those of `wit/tidegate.wit`.

use tidegate_engine::{Guest as Verified, Kind, Stage, VerifyError};
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve};

use crate::support::engine;

/// A component of that world in which every function traps.
fn dummy(world: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/tidegate.wit");
    let package = resolve.push_file(wit).unwrap();
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
}

#[tokio::test]
async fn components_of_the_worlds_have_the_types_that_the_host_expects() {
    let worlds =
        [("filter-module", Kind::Filter), ("transform-module", Kind::Transform), ("matcher-module", Kind::Matcher)];
    for (world, kind) in worlds {
        let engine = engine();
        let module = engine.load(&dummy(world)).await.unwrap();
        assert_eq!(module.kinds().iter().copied().collect::<Vec<_>>(), [kind]);
        assert_eq!(module.imports().len(), 3, "{:?}", module.imports());
        // Types are compared before anything is called: it comes as far as the trap in `describe`.
        let described = Verified::describe(&engine, &module).await;
        assert!(matches!(described, Err(VerifyError::Failed { stage: Stage::Describe, .. })), "{world}: {described:?}");
    }
}
