//go:build !wasm

package tidegate

import (
	"tidegate.dev/tidegate/internal/native"
)

func logWrite(level Level, message string) { native.Log(uint32(level), message) }

func metricsCounter(name string) uint32 { return native.Counter(name) }

func metricsAdd(counter uint32, amount uint64) { native.Add(counter, amount) }

func markFilter() {}

func markTransform() {}

func markMatcher() {}
