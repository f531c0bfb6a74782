// Package native joins tidegate and tidegatetest where there is no Wasm: a module is called with flat batches, as a host calls
// it. Nothing else uses it.
package native

import (
	"fmt"
	"os"
)

// Outcomes is what a call answers beside outputs and names.
type Outcomes struct {
	Codes   []uint32
	Reasons []string
}

// Module is the one that the program registered.
type Module struct {
	Needs     func() uint32
	Schema    func() string
	Configure func(config string) error
	Evaluate  func(nowMs uint64, bytes []byte, index []uint32) (Outcomes, error)
	Apply     func(nowMs uint64, bytes []byte, index []uint32) (Outcomes, []byte, []uint32, error)
	Assign    func(nowMs uint64, bytes []byte, index []uint32) (Outcomes, []string, []uint32, error)
	// Event is a tidegate.Event over the only row of a batch.
	Event func(nowMs uint64, bytes []byte, index []uint32) any
}

// Registered is set by tidegate.
var Registered Module

// Log takes a log line.
var Log = func(level uint32, message string) {
	names := [...]string{"trace", "debug", "info", "warn", "error"}
	fmt.Fprintf(os.Stderr, "%s: %s\n", names[level%5], message)
}

// Counters are the counters of this process, by handle.
var Counters []Count

// Count is one counter.
type Count struct {
	Name  string
	Value uint64
}

// Counter is the handle of a counter.
func Counter(name string) uint32 {
	for handle, counter := range Counters {
		if counter.Name == name {
			return uint32(handle)
		}
	}
	Counters = append(Counters, Count{Name: name})
	return uint32(len(Counters) - 1)
}

// Add counts.
func Add(counter uint32, amount uint64) { Counters[counter].Value += amount }
