//go:build wasm

package tidegate

// Imports of the component. Only what the program calls becomes one: they are the capabilities it asks for.

func logWrite(level Level, message string) { hostLogWrite(uint32(level), message) }

//go:wasmimport tidegate:guest/log@0.1.0 write
//go:noescape
func hostLogWrite(level uint32, message string)

//go:wasmimport tidegate:guest/metrics@0.1.0 counter
//go:noescape
func metricsCounter(name string) uint32

//go:wasmimport tidegate:guest/metrics@0.1.0 add
func metricsAdd(counter uint32, amount uint64)

//go:wasmimport tidegate:guest/failure@0.1.0 fail
//go:noescape
func fail(message string)

// Imports of the shim that `tidegate build` puts in place of WASI. They do nothing but to tell it, and the build, something.

// A program that calls one of these is of this kind: the build reads it off what is linked.
//
//go:wasmimport wasi_snapshot_preview1 tidegate_filter
func markFilter()

//go:wasmimport wasi_snapshot_preview1 tidegate_transform
func markTransform()

//go:wasmimport wasi_snapshot_preview1 tidegate_matcher
func markMatcher()

// A call begins: sets the clock, and forgets what was written to stderr.
//
//go:wasmimport wasi_snapshot_preview1 tidegate_begin
func shimBegin(nowMs uint64)

// Lends the shim memory for what is written to stderr.
//
//go:wasmimport wasi_snapshot_preview1 tidegate_lend
//go:noescape
func shimLend(memory *byte, size uint32)
