//! Bad candidates: each leaves the old generation serving, and its report names place and cause.

use crate::rig::{
    Rig,
    docs::Docs,
    events::{event, expected, id},
    guests::{Guest, RESULT, WIT, component, stamp, store_number},
};

/// A set of documents that must not go live, with what a person reads about it.
struct Candidate {
    name: &'static str,
    /// The bytes of `bad.wasm`, if there is such a file.
    module: Option<Vec<u8>>,
    /// Keys of `wasm:` beside `module`, and of the policy after it.
    wasm: &'static str,
    policy: &'static str,
    code: &'static str,
    words: &'static str,
}

fn bad(name: &'static str, module: Vec<u8>, code: &'static str, words: &'static str) -> Candidate {
    Candidate { name, module: Some(module), wasm: "", policy: "", code, words }
}

fn guest(name: &'static str, guest: Guest, words: &'static str) -> Candidate {
    bad(name, guest.component(), "C207", words)
}

const FOR_EVER: &str = "(loop $for_ever (br $for_ever))";
const SCHEMA: &str = r#"{"type": "object", "properties": {"max": {"type": "integer"}}, "additionalProperties": false}"#;

/// Exports a function that is no part of the contract.
fn stranger() -> Vec<u8> {
    let wit = "package acme:tool@1.0.0;\ninterface run { run: func() -> u32; }\nworld tool { export run; }";
    let core = r#"(module (func (export "acme:tool/run@1.0.0#run") (result i32) (i32.const 1)))"#;
    component(wit, "tool", core)
}

/// The contract of another version.
fn version(version: &str) -> Vec<u8> {
    let core = Guest::filter().component_core().replace("@0.1.0", &format!("@{version}"));
    component(&WIT.replace("guest@0.1.0;", &format!("guest@{version};")), "filter-module", &core)
}

/// A filter of its own shape.
fn shape(text: &str, core: &str) -> Vec<u8> {
    let wit = format!("package tidegate:guest@0.1.0;\n{text}");
    component(&wit, "bad", &format!("(module (memory (export \"memory\") 1) {core})"))
}

fn importing(import: &str, wit: &str) -> Vec<u8> {
    let core = Guest::filter().imports(import).component_core();
    let rest = WIT.replace("world filter-module", "world unused");
    component(&format!("{rest}\n{wit}\nworld odd {{ import thing; export lifecycle; export filter; }}"), "odd", &core)
}

/// A function of so many locals, branches and values that compiling it wants far more than it may have.
fn compile_bomb() -> Vec<u8> {
    let mut body = String::new();
    for _ in 0..60_000 {
        body += "(local.set 0 (i32.add (local.get 0) (i32.mul (local.get 1) (i32.load (local.get 2)))))\
                 (if (local.get 0) (then (local.set 2 (i32.xor (local.get 0) (local.get 1)))))";
    }
    let functions: String = (0..2).map(|_| format!("(func (param i32 i32 i32) {body})")).collect();
    Guest::filter().items(&functions).component()
}

fn modules() -> Vec<Candidate> {
    let good = Guest::filter().component();
    let core = wat::parse_str(Guest::filter().component_core()).unwrap();
    vec![
        bad("text", b"#!/bin/sh\necho hello\n".to_vec(), "C205", "not a WebAssembly binary"),
        bad("an empty file", Vec::new(), "C205", "not a WebAssembly binary"),
        bad("a native program", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec(), "C205", "not a WebAssembly binary"),
        bad("a core module", core, "C205", "core WebAssembly module"),
        bad("half a component", good[..good.len() / 2].to_vec(), "C205", "does not compile"),
        bad("a component with a flipped byte", flipped(&good), "C205", ""),
        bad("a component for something else", stranger(), "C205", "exports none of"),
        bad("a contract of the future", version("0.9.0"), "C205", "does not serve"),
        bad("a contract of another major", version("1.1.0"), "C205", "does not serve"),
        bad(
            "no lifecycle",
            shape(
                "interface filter { evaluate: func() -> u32; }\nworld bad { export filter; }",
                r#"(func (export "tidegate:guest/filter@0.1.0#evaluate") (result i32) (i32.const 0))"#,
            ),
            "C205",
            "lifecycle",
        ),
        bad(
            "functions of another type",
            shape(
                "interface filter { evaluate: func() -> u32; }\n\
                 interface lifecycle { describe: func() -> u32; configure: func() -> u32; }\n\
                 world bad { export filter; export lifecycle; }",
                r#"(func (export "tidegate:guest/filter@0.1.0#evaluate") (result i32) (i32.const 0))
                   (func (export "tidegate:guest/lifecycle@0.1.0#describe") (result i32) (i32.const 0))
                   (func (export "tidegate:guest/lifecycle@0.1.0#configure") (result i32) (i32.const 0))"#,
            ),
            "C207",
            "does not keep the contract",
        ),
        bad(
            "an import nobody offers",
            importing(r#"(import "tidegate:guest/thing@0.1.0" "fire" (func))"#, "interface thing { fire: func(); }"),
            "C205",
            "which this host does not offer",
        ),
        bad("a compile bomb", compile_bomb(), "C205", "exceeds its limits"),
    ]
}

/// Somewhere in the code.
fn flipped(component: &[u8]) -> Vec<u8> {
    let mut bytes = component.to_vec();
    // The body of `cabi_realloc`'s helper: an opcode that does not exist.
    let at = bytes.windows(3).position(|window| window == [0x41, 0x78, 0x71]).expect("`i32.const -8, i32.and`");
    bytes[at] = 0xff;
    bytes
}

fn behaviours() -> Vec<Candidate> {
    let log = r#"(import "tidegate:guest/log@0.1.0" "write" (func (param i32 i32 i32)))"#;
    let state = r#"(import "tidegate:guest/state@0.1.0" "get" (func (param i32 i32 i32)))"#;
    let refuse = format!(
        "(i32.store8 (i32.const {at}) (i32.const 1)) {} {}",
        store_number(crate::rig::guests::CONFIGURED + 4, 4096),
        store_number(crate::rig::guests::CONFIGURED + 8, 20),
        at = crate::rig::guests::CONFIGURED,
    );
    let words = "(data (i32.const 4096) \"`max` is below `min`\")";
    let bomb = "(loop $more (drop (memory.grow (i32.const 16))) (br $more))";
    vec![
        guest("log, not granted", Guest::filter().imports(log), "`log`"),
        guest("state, not granted", Guest::filter().imports(state), "`state`"),
        guest("its own words", Guest::filter().items(words).configure(&refuse), "`max` is below `min`"),
        guest("trap in configure", Guest::filter().configure("unreachable"), "failed in `configure`: trap"),
        guest("endless loop in configure", Guest::filter().configure(FOR_EVER), "failed in `configure`: timeout"),
        guest("memory bomb in configure", Guest::filter().configure(bomb), "failed in `configure`: memory limit"),
        guest("trap in describe", Guest::filter().describe("unreachable"), "failed in `describe`: trap"),
        guest("endless loop in describe", Guest::filter().describe(FOR_EVER), "failed in `describe`: timeout"),
        guest(
            "trap at the start",
            Guest::filter().items("(func $run unreachable) (start $run)"),
            "failed in instantiation: trap",
        ),
        guest(
            "endless loop at the start",
            Guest::filter().items(&format!("(func $run {FOR_EVER}) (start $run)")),
            "failed in instantiation: timeout",
        ),
        guest("trap at warm-up", Guest::filter().always("unreachable"), "failed in the warm-up call: trap"),
        guest(
            "lies at warm-up",
            Guest::filter().always(&store_number(RESULT + 8, 3)),
            "failed in the warm-up call: invalid reply",
        ),
        Candidate {
            wasm: ", config: {max: ten, mux: 1}",
            ..bad(
                "config refused by the schema",
                Guest::filter().schema(SCHEMA).component(),
                "C206",
                "does not take this config",
            )
        },
        bad("a schema that is none", Guest::filter().schema("{").component(), "C206", "config schema"),
        Candidate {
            policy: ", limits: {memory: 1Mi, maxEventBytes: 64Ki}",
            ..guest("more memory at the start than it may have", Guest::filter(), "memory limit")
        },
    ]
}

fn references() -> Vec<Candidate> {
    let good = || Guest::filter().component();
    let digest = ", digest: 'sha256:0000000000000000000000000000000000000000000000000000000000000000'";
    vec![
        Candidate { module: None, ..bad("a missing file", Vec::new(), "C201", "bad.wasm") },
        Candidate { wasm: digest, ..bad("a digest of something else", good(), "C204", "digest is sha256:") },
        Candidate { wasm: ", mayEmit: 5000", ..bad("a number out of range", good(), "P110", "mayEmit") },
        Candidate { wasm: ", capabilites: [log]", ..bad("a misspelt key", good(), "P103", "capabilites") },
        Candidate { wasm: ", capabilities: [logs]", ..bad("a misspelt word", good(), "P109", "logs") },
        Candidate { policy: ", limits: {memory: 1Mi}", ..bad("too little memory", good(), "P163", "1Mi of memory") },
        Candidate {
            policy: ", targetRefs: [{kind: Route, name: man}]",
            ..bad("a route that is not there", good(), "P125", "man")
        },
        Candidate { policy: ", failure: {onTrap: Explode}", ..bad("a rule that is none", good(), "P109", "Explode") },
        Candidate {
            policy: ", match: [{filters: [{exact: {sorce: x}}]}]",
            ..bad("a misspelt attribute", good(), "P104", "sorce")
        },
        Candidate { policy: ", rollout: {percent: 10}", ..bad("a rollout from nothing", good(), "P108", "baseline") },
        Candidate { policy: "} nonsense: [", ..bad("broken YAML", good(), "P101", "") },
    ]
}

/// `count` is here so that a list that shrinks is noticed: all three together are to be thirty at least.
async fn refuse(candidates: Vec<Candidate>, count: usize) {
    assert_eq!(candidates.len(), count);
    let mut rig = Rig::new();
    rig.guest("stamp.wasm", &stamp(1));
    let serving = Docs::line().policy(
        "mark",
        "",
        "phase: Transform, wasm: {module: 'file:stamp.wasm', config: 'x1=0', mayWrite: {attributes: [x1]}}",
    );
    let generation = rig.apply(&serving).await;
    for (number, candidate) in candidates.into_iter().enumerate() {
        let Candidate { name, module, wasm, policy, code, words } = candidate;
        match module {
            Some(bytes) => rig.put("bad.wasm", &bytes),
            None => std::fs::remove_file(rig.dir().join("bad.wasm")).unwrap_or_default(),
        }
        let spec = format!("{{phase: Admit, wasm: {{module: 'file:bad.wasm'{wasm}}}{policy}}}");
        let set = serving.clone().doc("FilterPolicy", "bad", &spec);
        let report = rig.refused(set.text()).await;

        let text = report.to_string();
        let found = report.diagnostics.iter().find(|found| found.code == code && found.message.contains(words));
        let found = found.unwrap_or_else(|| panic!("{name}: no {code} with `{words}` in:\n{text}"));
        let place = found.place.as_ref().unwrap_or_else(|| panic!("{name}: without a place:\n{text}"));
        assert!(place.file.ends_with("docs.yaml") && place.line > 1, "{name}:\n{text}");
        assert!(!text.contains("wasm backtrace") && !text.contains("Caused by"), "{name}: not for persons:\n{text}");

        assert_eq!(rig.control.current().unwrap().id, generation.id, "{name}: what runs stays");
        rig.push("in", [event(number)]);
        rig.settled("in", number as u64 + 1).await;
        let out = rig.queue("out").events();
        assert_eq!(out.last().unwrap().id(), id(number), "{name}: events flow on");
        assert_eq!(out.last().unwrap().attribute("x1").unwrap(), "1.0", "{name}: decided as before");
    }
    let events = rig.queue("out").events().len();
    assert_eq!(rig.ids("out"), expected(0..events));
    assert_eq!(rig.control.history().len(), 1, "nothing else ever went live");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn modules_that_are_none_leave_the_old_one_serving() {
    refuse(modules(), 13).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn modules_that_misbehave_leave_the_old_one_serving() {
    refuse(behaviours(), 15).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_that_are_wrong_leave_the_old_ones_serving() {
    refuse(references(), 11).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_production_a_module_needs_a_digest_and_lies_beside_its_document() {
    let mut rig = Rig::production();
    rig.guest("good.wasm", &Guest::filter());
    let report = rig.refused(Docs::line().policy("p", "good.wasm", "").text()).await;
    assert!(report.to_string().contains("P161") && report.to_string().contains("has no digest"), "{report}");

    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("far.wasm"), Guest::filter().component()).unwrap();
    std::os::unix::fs::symlink(outside.path().join("far.wasm"), rig.dir().join("near.wasm")).unwrap();
    let mut rig = Rig::new();
    std::os::unix::fs::symlink(outside.path().join("far.wasm"), rig.dir().join("near.wasm")).unwrap();
    let report = rig.refused(Docs::line().policy("p", "near.wasm", "").text()).await;
    assert!(report.to_string().contains("C202") && report.to_string().contains("outside"), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_mistakes_are_told_in_one_run() {
    let mut rig = Rig::new();
    rig.guest("traps.wasm", &Guest::filter().configure("unreachable"));
    rig.put("text.wasm", b"hello");
    let docs =
        Docs::line().policy("one", "traps.wasm", "").policy("two", "text.wasm", "").policy("three", "none.wasm", "");
    let report = rig.refused(docs.text()).await;
    let codes: Vec<&str> = report.diagnostics.iter().map(|found| found.code).collect();
    assert_eq!(codes, ["C207", "C205", "C201"], "{report}");
}
