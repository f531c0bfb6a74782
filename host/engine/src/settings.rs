//! The settings of wasmtime, in one place: the engine that runs and the engine that compiles must agree on them.
//!
//! What is here becomes part of the compatibility hash, and so of the names in the cache. Nothing here depends on
//! the machine's load or on a policy.

use wasmtime::{Config, InstanceAllocationStrategy, PoolingAllocationConfig, WasmBacktraceDetails};

/// Stack of a guest. Recursion past it traps that guest only.
const WASM_STACK: usize = 512 << 10;

/// Stack of the fiber a call runs on: the guest's own, and as much again for host functions (WASI, logging).
const FIBER_STACK: usize = 1 << 20;

/// Core instances, memories and tables of one component. Rust, Go and AssemblyScript guests have one to three of
/// each; componentize-py links about 20 modules.
pub(crate) const CORE_INSTANCES_MAX: u32 = 64;
pub(crate) const MEMORIES_MAX: u32 = 4;
pub(crate) const TABLES_MAX: u32 = 16;

/// Elements of one table; Python's largest have about 10,000.
pub(crate) const TABLE_ELEMENTS_MAX: usize = 20_000;

/// Slots beyond the instances asked for: those that the reaper has not given back yet.
const POOL_SLACK: u32 = 64;

/// What decides the machine code. The compiling child uses exactly this.
pub(crate) fn compiling() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .wasm_relaxed_simd(false)
        .concurrency_support(false)
        .epoch_interruption(true)
        .native_unwind_info(false)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        // Backtraces name functions, not offsets: without the map a cached module is a third smaller.
        .generate_address_map(false)
        .memory_init_cow(true)
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(FIBER_STACK);
    config
}

/// For running, with memory, tables and stacks from a pool: instantiation is 5 to 10 times faster.
pub(crate) fn pooled(instances: u32) -> Config {
    let slots = instances.max(1).saturating_add(POOL_SLACK);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_core_instances(slots.saturating_mul(4))
        .total_memories(slots.saturating_mul(2))
        .total_tables(slots.saturating_mul(4))
        .total_stacks(slots)
        .max_core_instances_per_component(CORE_INSTANCES_MAX)
        .max_memories_per_component(MEMORIES_MAX)
        .max_tables_per_component(TABLES_MAX)
        .max_tables_per_module(TABLES_MAX)
        .max_memories_per_module(MEMORIES_MAX)
        .table_elements(TABLE_ELEMENTS_MAX)
        // Above 0 it slows instantiation threefold, and a discarded instance must give its memory back.
        .linear_memory_keep_resident(0)
        .table_keep_resident(0)
        .async_stack_keep_resident(0);
    let mut config = compiling();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}
