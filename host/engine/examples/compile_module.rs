//! The compiling child alone: what a host's hidden `compile-module` is. The tests of this crate use it as their compiler.

use std::process::ExitCode;

use tidegate_engine::compile_child;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() != Some("compile-module") {
        return ExitCode::FAILURE;
    }
    compile_child()
}
