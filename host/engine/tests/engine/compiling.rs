//! Compiling in a child: what comes out is the same, and what goes wrong there is told apart.

use std::{fmt::Write as _, path::PathBuf};

use tidegate_engine::{Compiler, Engine, EngineOptions, Guest as Verified, LoadError, Worker};

use crate::{
    support::{batch, events, letters, spec},
    wat::{Guest, KEEP, marked},
};

/// The example `compile_module`, which cargo builds with the tests.
fn child() -> Compiler {
    let tests = std::env::current_exe().unwrap();
    let program: PathBuf = tests.parent().unwrap().with_file_name("examples").join("compile_module");
    assert!(program.exists(), "{} is missing: cargo build -p tidegate-engine --examples", program.display());
    Compiler::Child(program)
}

fn engine(compiler: Compiler) -> Engine {
    Engine::new(EngineOptions { compiler, instances: 4, ..EngineOptions::default() }).unwrap()
}

#[tokio::test]
async fn a_child_compiles() {
    let engine = engine(child());
    let module = engine.load(&Guest::filter(&marked('p', "unreachable")).wasm()).await.unwrap();
    let mut worker = Worker::new(&Verified::verify(&engine, &module, spec()).await.unwrap());
    assert_eq!(letters(&worker.evaluate(&batch(&events("apa"))).await), "kfk");
}

#[tokio::test]
async fn a_child_tells_what_does_not_compile() {
    let refused = engine(child()).load(b"\0asm\x0d\0\x01\0garbage").await.unwrap_err();
    assert!(matches!(&refused, LoadError::Invalid { problem } if !problem.is_empty()), "{refused}");
}

/// Six thousand values alive over six thousand jumps: every jump moves every value.
fn bomb() -> Vec<u8> {
    const VALUES: usize = 6000;
    let mut core = format!("(func $bomb (local {}) (loop $l ", "i32 ".repeat(VALUES));
    for value in 0..VALUES {
        write!(core, "(local.set {value} (i32.add (local.get {value}) (i32.const 1))) (br_if $l (local.get {value})) ")
            .unwrap();
    }
    core.push_str("))");
    Guest::filter(KEEP).core(&core).wasm()
}

#[tokio::test]
async fn a_compile_bomb_is_stopped() {
    let refused = engine(child()).load(&bomb()).await.unwrap_err();
    assert!(matches!(&refused, LoadError::CompileLimit { .. }), "{refused}");
    // What is compiled next does not notice.
    engine(child()).load(&Guest::filter(KEEP).wasm()).await.unwrap();
}

#[tokio::test]
async fn a_compiler_that_cannot_run_is_named() {
    let wasm = Guest::filter(KEEP).wasm();
    let missing = engine(Compiler::Child("/nonexistent/tidegate".into())).load(&wasm).await.unwrap_err();
    assert!(missing.to_string().contains("cannot start /nonexistent/tidegate"), "{missing}");
    let failing = engine(Compiler::Child("/bin/false".into())).load(&wasm).await.unwrap_err();
    assert!(matches!(failing, LoadError::Compiler { .. }), "{failing}");
}
