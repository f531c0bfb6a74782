//! What compiling a module may take: the engine's limits, or those that this host's environment sets.
//!
//! `TIDEGATE_COMPILE_LIMITS=60s,2048Mi` allows a component 60 s of processor time and 2,048 MiB. Modules that bring a whole language with
//! them (CPython, a JavaScript engine) want that; the limits of the engine are for those that do not, and stop compile bombs.

use std::path::PathBuf;

use tidegate_engine::{CompileLimits, Compiler};

use crate::problem::OrProblem as _;

const VARIABLE: &str = "TIDEGATE_COMPILE_LIMITS";

/// The compiler of this host: `program`, in a child. That more is allowed than usual is logged.
pub(crate) fn compiler(program: PathBuf) -> anyhow::Result<Compiler> {
    let Ok(text) = std::env::var(VARIABLE) else { return Ok(Compiler::Child(program)) };
    let limits = parse(&text).or_problem(format!("{VARIABLE} is `{text}`"), "write seconds and MiB: 60s,2048Mi")?;
    tracing::info!(
        seconds = limits.cpu_seconds,
        mib = limits.memory_mib,
        "modules are compiled within limits of this host's own"
    );
    Ok(Compiler::ChildWithin(program, limits))
}

fn parse(text: &str) -> Result<CompileLimits, std::io::Error> {
    let number = |text: &str, unit: &str| text.trim().strip_suffix(unit)?.parse::<u64>().ok().filter(|n| *n > 0);
    let limits = text.split_once(',').and_then(|(time, memory)| {
        Some(CompileLimits { cpu_seconds: number(time, "s")?, memory_mib: number(memory, "Mi")? })
    });
    limits.ok_or_else(|| std::io::Error::new(std::io::ErrorKind::InvalidInput, "it is no pair of limits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_seconds_and_mebibytes() {
        let limits = |text| parse(text).ok().map(|limits| (limits.cpu_seconds, limits.memory_mib));
        assert_eq!(limits("60s,2048Mi"), Some((60, 2048)));
        assert_eq!(limits("60s, 2048Mi"), Some((60, 2048)));
        for wrong in ["", "60s", "60,2048", "0s,1Mi", "60s,2Gi", "-1s,1Mi"] {
            assert_eq!(limits(wrong), None, "{wrong}");
        }
    }
}
