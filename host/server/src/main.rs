//! The `tidegate` program. Wiring only: everything is in the library beside it.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// An event makes some dozens of small allocations on its way between brokers, thousands of events are in flight, and many are freed
/// by another thread than made them: the system's allocator took half of all time for that.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    // A child that compiles one component under limits of its own: before any thread, runtime or log exists.
    if std::env::args_os().nth(1).is_some_and(|word| word == tidegate::COMPILE_MODULE) {
        return tidegate_engine::compile_child();
    }
    tidegate::cli::main()
}
