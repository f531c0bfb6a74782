// Package state keeps keys and values that last, a capability: a component that keeps nothing does not import it.
//
// What is written is there for all later events of the same lane (a partition, a file, …), for this policy and route, over
// restarts and over newer builds of the module. It takes effect with the batch: if the call fails nothing was written. The policy
// must grant `state`, and may bound it: `state: {maxBytes: 16Mi, ttl: 24h}`. What exactly is promised for which source stands in
// wit/tidegate.wit and in the host's documentation.
//
//	// once lets every id through once an hour.
//	func once(e tidegate.Event) tidegate.Verdict {
//		if state.Has(e.ID()) {
//			return tidegate.Drop("seen before")
//		}
//		switch state.Set(e.ID(), nil, time.Hour) {
//		case state.ErrFull:
//			return tidegate.Retry("no room to remember")
//		case state.ErrTooLarge:
//			return tidegate.Reject("the id is too long")
//		}
//		return tidegate.Keep()
//	}
//
// Natively, in tests, the process keeps its own, without limits but those of a key and a value; tidegatetest.Forget empties it and
// tidegatetest.TimePasses lets time pass.
package state

import (
	"encoding/binary"
	"errors"
	"time"
)

// Why nothing was written.
var (
	// ErrFull says that it would be more than the policy, or the host, may keep. Deleting makes room, and time does.
	ErrFull = errors.New("there is no room to keep more")
	// ErrTooLarge says that a key has more than KeyMax bytes, or none, or a value more than ValueMax.
	ErrTooLarge = errors.New("the key is empty, or key or value are too long to be kept")
)

const (
	// KeyMax is how many bytes a key has at most; it has one at least.
	KeyMax = 512
	// ValueMax is how many bytes a value has at most.
	ValueMax = 65_536
	// Forever is the time to live of what has no end of its own.
	Forever time.Duration = 0
)

// No value: read, there is none; written, the key is deleted.
const none = 1<<32 - 1

// Get is the value of a key; false if there is none. A key that is empty or too long has none.
func Get(key string) ([]byte, bool) {
	if !isKey(key) {
		return nil, false
	}
	// Most keys are short: this does not leave the stack.
	var room [68]byte
	value, _ := cut(get(appendKey(room[:0], key)))
	return value, value != nil
}

// Has is whether a key has a value.
func Has(key string) bool {
	_, ok := Get(key)
	return ok
}

// GetAll is the values of many keys, in their order: one call of the host, where [Get] makes one each. A key without a value gives
// nil, one with an empty value an empty slice.
func GetAll(keys ...string) [][]byte {
	values := make([][]byte, len(keys))
	var asked []byte
	for _, key := range keys {
		if isKey(key) {
			asked = appendKey(asked, key)
		}
	}
	if len(asked) == 0 {
		return values
	}
	rest := get(asked)
	for i, key := range keys {
		if isKey(key) {
			values[i], rest = cut(rest)
		}
	}
	return values
}

// Set writes a value. It is kept for ttl at most ([Forever]: without an end); the policy may shorten that. Writing again begins the
// time anew. The error is [ErrFull] or [ErrTooLarge].
func Set(key string, value []byte, ttl time.Duration) error {
	var entries Entries
	if err := entries.Set(key, value, ttl); err != nil {
		return err
	}
	return entries.Write()
}

// Delete deletes a key, whether it is there or not.
func Delete(key string) {
	var entries Entries
	entries.Delete(key)
	// What makes it smaller is not refused.
	_ = entries.Write()
}

// Entries are many writes in one call of the host: all of them take effect, the later over the earlier, or none. The zero value is
// empty.
type Entries struct {
	bytes []byte
}

// Set is to write a value, as the function [Set] does.
func (e *Entries) Set(key string, value []byte, ttl time.Duration) error {
	if !isKey(key) || len(value) > ValueMax {
		return ErrTooLarge
	}
	var ms uint64
	if ttl != Forever {
		// 0 is no end: what is shorter than a millisecond gets one.
		ms = uint64(max(ttl.Milliseconds(), 1))
	}
	e.begin(key, uint32(len(value)), ms)
	e.bytes = append(e.bytes, value...)
	return nil
}

// Delete is to delete a key.
func (e *Entries) Delete(key string) {
	if isKey(key) {
		e.begin(key, none, 0)
	}
}

// Write writes them, and empties the list.
func (e *Entries) Write() error {
	if len(e.bytes) == 0 {
		return nil
	}
	err := put(e.bytes)
	e.bytes = e.bytes[:0]
	return err
}

func (e *Entries) begin(key string, length uint32, ttlMs uint64) {
	e.bytes = binary.LittleEndian.AppendUint32(e.bytes, uint32(len(key)))
	e.bytes = binary.LittleEndian.AppendUint32(e.bytes, length)
	e.bytes = binary.LittleEndian.AppendUint64(e.bytes, ttlMs)
	e.bytes = append(e.bytes, key...)
}

func isKey(key string) bool { return len(key) >= 1 && len(key) <= KeyMax }

func appendKey(out []byte, key string) []byte {
	out = binary.LittleEndian.AppendUint32(out, uint32(len(key)))
	return append(out, key...)
}

// cut is one answer, nil where there is no value, and what stands behind it.
func cut(answer []byte) (value, rest []byte) {
	if len(answer) < 4 {
		return nil, nil
	}
	length, rest := binary.LittleEndian.Uint32(answer), answer[4:]
	if length == none || uint64(length) > uint64(len(rest)) {
		return nil, rest
	}
	return rest[:length:length], rest[length:]
}
