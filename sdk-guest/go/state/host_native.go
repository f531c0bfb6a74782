//go:build !wasm

package state

import "tidegate.dev/tidegate/internal/native"

func get(keys []byte) []byte { return native.StateGet(keys) }

func put(entries []byte) error {
	native.StatePut(entries)
	return nil
}
