package state

import "unsafe"

// What the host writes its answers to. Not on the stack: while it answers it asks for memory, which may move the stack.
var (
	answer  [2]uint32
	refused [2]byte
)

func get(keys []byte) []byte {
	hostGet(unsafe.Pointer(unsafe.SliceData(keys)), uint32(len(keys)), unsafe.Pointer(&answer))
	at, length := answer[0], answer[1]
	// Made by `cabi_realloc`, which keeps it until the call ends; longer, if this is kept.
	return unsafe.Slice((*byte)(unsafe.Pointer(uintptr(at))), length)
}

func put(entries []byte) error {
	hostPut(unsafe.Pointer(unsafe.SliceData(entries)), uint32(len(entries)), unsafe.Pointer(&refused))
	switch {
	case refused[0] == 0:
		return nil
	case refused[1] == 0:
		return ErrFull
	default:
		return ErrTooLarge
	}
}

//go:wasmimport tidegate:guest/state@0.1.0 get
//go:noescape
func hostGet(keys unsafe.Pointer, length uint32, answer unsafe.Pointer)

//go:wasmimport tidegate:guest/state@0.1.0 put
//go:noescape
func hostPut(entries unsafe.Pointer, length uint32, refused unsafe.Pointer)
