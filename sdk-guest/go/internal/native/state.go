package native

import (
	"encoding/binary"
	"math"
	"sync"
)

// No value: read, there is none; written, the key is deleted.
const none = math.MaxUint32

// What this process keeps in place of a host: values, and when their time ends on its own clock; 0: never.
var kept = struct {
	sync.Mutex
	entries map[string]keptValue
	nowMs   uint64
}{entries: map[string]keptValue{}}

type keptValue struct {
	bytes  []byte
	endsMs uint64
}

// StateGet is the answer of `get` of the contract's state.
func StateGet(keys []byte) []byte {
	kept.Lock()
	defer kept.Unlock()
	var answer []byte
	for len(keys) > 0 {
		length := binary.LittleEndian.Uint32(keys)
		key := string(keys[4 : 4+length])
		keys = keys[4+length:]
		value, ok := kept.entries[key]
		if !ok || value.endsMs != 0 && value.endsMs <= kept.nowMs {
			answer = binary.LittleEndian.AppendUint32(answer, none)
			continue
		}
		answer = binary.LittleEndian.AppendUint32(answer, uint32(len(value.bytes)))
		answer = append(answer, value.bytes...)
	}
	return answer
}

// StatePut takes the entries of `put`.
func StatePut(entries []byte) {
	kept.Lock()
	defer kept.Unlock()
	for len(entries) > 0 {
		keyLength, valueLength := binary.LittleEndian.Uint32(entries), binary.LittleEndian.Uint32(entries[4:])
		ttlMs := binary.LittleEndian.Uint64(entries[8:])
		key := string(entries[16 : 16+keyLength])
		entries = entries[16+keyLength:]
		if valueLength == none {
			delete(kept.entries, key)
			continue
		}
		value := keptValue{bytes: append([]byte{}, entries[:valueLength]...)}
		if ttlMs != 0 {
			value.endsMs = kept.nowMs + ttlMs
		}
		kept.entries[key] = value
		entries = entries[valueLength:]
	}
}

// StateForget empties what is kept.
func StateForget() {
	kept.Lock()
	defer kept.Unlock()
	clear(kept.entries)
}

// StateTimePasses sets the clock of what is kept forward.
func StateTimePasses(ms uint64) {
	kept.Lock()
	defer kept.Unlock()
	kept.nowMs += ms
}
