//! From bytes to a verified guest: what is refused, and whether a person can act on what is said.

use tidegate_engine::{Capability, Guest as Verified, GuestSpec, Kind, Limits, LoadError, VerifyError};

use crate::{
    support::{batch, engine, events, letters, load, spec},
    wat::{Guest, KEEP, echo},
};

async fn refused(wasm: &[u8]) -> String {
    engine().load(wasm).await.expect_err("it was loaded").to_string()
}

#[tokio::test]
async fn what_is_no_guest_is_refused_with_a_cause() {
    for (wasm, says) in [
        (b"kind: FilterPolicy".to_vec(), "not a WebAssembly binary"),
        (Vec::new(), "not a WebAssembly binary"),
        (b"\x7fELF\x02\x01\x01\x00\x00\x00".to_vec(), "not a WebAssembly binary"),
        (wat::parse_str("(module)").unwrap(), "a core WebAssembly module"),
        (b"\0asm\x0d\0\x01\0garbage".to_vec(), "does not compile"),
        (
            wat::parse_str("(component)").unwrap(),
            "exports none of tidegate:guest/filter, /transform and /matcher (it exports nothing)",
        ),
        (Guest { lifecycle: false, ..Guest::filter(KEEP) }.wasm(), "does not export tidegate:guest/lifecycle"),
        (
            Guest { version: "0.9.0".into(), ..Guest::filter(KEEP) }.wasm(),
            "`tidegate:guest/filter@0.9.0` is of a contract version that this host does not serve (it serves tidegate:guest 0.1.x)",
        ),
        (importing("acme:db/query@1.0.0"), "imports `acme:db/query@1.0.0`, which this host does not offer"),
        (
            importing("tidegate:guest/secrets@0.1.0"),
            "imports `tidegate:guest/secrets@0.1.0`, which this host does not offer",
        ),
        (importing("tidegate:guest/log@0.2.0"), "`tidegate:guest/log@0.2.0` is of a contract version"),
        (
            importing("wasi:http/outgoing-handler@0.2.0"),
            "imports `wasi:http/outgoing-handler@0.2.0`, which this host does not offer",
        ),
    ] {
        let said = refused(&wasm).await;
        assert!(said.contains(says), "{said:?} does not say {says:?}");
    }
}

/// A filter that imports one function of that interface.
fn importing(interface: &str) -> Vec<u8> {
    let component = format!(r#"(import "{interface}" (instance (export "go" (func))))"#);
    Guest { component, ..Guest::filter(KEEP) }.wasm()
}

#[tokio::test]
async fn a_later_patch_version_of_the_contract_is_served() {
    let (engine, module) = load(&Guest { version: "0.1.7".into(), ..Guest::filter(KEEP) }).await;
    assert_eq!(module.contract(), "0.1.7");
    Verified::verify(&engine, &module, spec()).await.unwrap();
}

#[tokio::test]
async fn a_module_is_described_by_its_type() {
    let both = Guest { apply: Some(echo("", "")), ..Guest::filter(KEEP) }.with_log();
    let (_, module) = load(&both).await;
    assert_eq!(module.kinds().iter().copied().collect::<Vec<_>>(), [Kind::Filter, Kind::Transform]);
    assert_eq!(module.imports().iter().copied().collect::<Vec<_>>(), [Capability::Log]);
    assert_eq!(module.import_names(), ["tidegate:guest/log@0.1.0"]);
    assert!(module.export_names().contains(&"tidegate:guest/lifecycle@0.1.0".to_owned()));
    assert_eq!(module.contract(), "0.1.0");
    assert_eq!(module.size(), both.wasm().len());
    assert!(module.digest().starts_with("sha256:") && module.digest().len() == 71);
}

#[tokio::test]
async fn what_is_not_granted_cannot_be_used() {
    let (engine, module) = load(&Guest::filter(KEEP).with_log()).await;
    let refused = Verified::verify(&engine, &module, spec()).await.unwrap_err();
    assert!(matches!(&refused, VerifyError::NotGranted { missing } if missing == &[Capability::Log]));
    assert_eq!(refused.to_string(), "the module needs the capability `log`, which the policy does not grant");
    let granted = GuestSpec { capabilities: [Capability::Log].into(), ..spec() };
    Verified::verify(&engine, &module, granted).await.unwrap();
}

#[tokio::test]
async fn the_guests_own_words_explain_a_refused_configuration() {
    let refusing = Guest { configure: "(call $err (i32.const 16) (i32.const 9))".into(), ..Guest::filter(KEEP) };
    let (engine, module) = load(&refusing).await;
    let refused = Verified::verify(&engine, &module, spec()).await.unwrap_err();
    assert_eq!(refused.to_string(), "the module refuses its configuration: wat-guest");
}

#[tokio::test]
async fn limits_that_cannot_work_are_refused() {
    let (engine, module) = load(&Guest::filter(KEEP)).await;
    let limits = Limits { memory: 1 << 20, max_event_bytes: 1 << 20, ..Limits::default() };
    let refused = Verified::verify(&engine, &module, GuestSpec { limits, ..spec() }).await.unwrap_err();
    assert!(refused.to_string().contains("at least 8388608 are needed"), "{refused}");
    let limits = Limits { timeout: std::time::Duration::from_micros(10), ..Limits::default() };
    let refused = Verified::verify(&engine, &module, GuestSpec { limits, ..spec() }).await.unwrap_err();
    assert!(matches!(refused, VerifyError::TimeoutTooShort));
}

#[tokio::test]
async fn wrong_types_are_refused() {
    // No function has the type it should have.
    let text = r#"(component
      (core module $m (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
        (func (export "evaluate") (param i32 i32)) (func (export "nothing")))
      (core instance $i (instantiate $m))
      (func $evaluate (param "events" string) (canon lift (core func $i "evaluate") (memory (core memory $i "memory")) (realloc (core func $i "cabi_realloc"))))
      (func $nothing (canon lift (core func $i "nothing")))
      (instance $filter (export "evaluate" (func $evaluate)))
      (export "tidegate:guest/filter@0.1.0" (instance $filter))
      (instance $lifecycle (export "describe" (func $nothing)) (export "configure" (func $nothing)))
      (export "tidegate:guest/lifecycle@0.1.0" (instance $lifecycle)))"#;
    let engine = engine();
    let module = engine.load(&wat::parse_str(text).unwrap()).await.unwrap();
    let refused = Verified::verify(&engine, &module, spec()).await.unwrap_err();
    assert!(
        matches!(&refused, VerifyError::Contract { problem } if problem.contains("lifecycle.describe")),
        "{refused}"
    );
    let lacking = text.replace("(export \"configure\" (func $nothing))", "");
    let refused = engine.load(&wat::parse_str(&lacking).unwrap()).await.unwrap_err();
    assert!(matches!(refused, LoadError::NoFunction { function: "configure", .. }));
}

#[tokio::test]
async fn wasi_is_there_when_granted_and_empty() {
    // Counts what it finds in the environment and drops everything if there is anything.
    let component = r#"(import "wasi:cli/environment@0.2.0" (instance $env
        (export "get-arguments" (func (result (list string))))))
      (core module $alloc-module (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))"#;
    let guest = Guest::filter(&format!(
        "(call $arguments (i32.const 2048)) (if (i32.load (i32.const 2052)) (then unreachable)) {KEEP}"
    ))
    .importing(
        &format!(
            r#"{component} (core instance $alloc (instantiate $alloc-module))
            (core func $arguments (canon lower (func $env "get-arguments") (memory (core memory $libc "memory")) (realloc (core func $alloc "cabi_realloc"))))"#
        ),
        r#"(export "arguments" (func $arguments))"#,
        r#"(import "host" "arguments" (func $arguments (param i32)))"#,
    );
    let (engine, module) = load(&guest).await;
    assert_eq!(module.imports().iter().copied().collect::<Vec<_>>(), [Capability::Wasi]);
    assert!(matches!(Verified::verify(&engine, &module, spec()).await, Err(VerifyError::NotGranted { .. })));
    let granted = GuestSpec { capabilities: [Capability::Wasi].into(), ..spec() };
    let guest = Verified::verify(&engine, &module, granted).await.unwrap();
    let mut worker = tidegate_engine::Worker::new(&guest);
    assert_eq!(letters(&worker.evaluate(&batch(&events("aa"))).await), "kk");
}
