//go:build wasm

package tidegate

import "unsafe"

// The component's side: core functions under the contract's names, with the canonical ABI ("By hand" in wit/tidegate.wit).
//
// Pointers are 64 bits wide in Go's memory, so what the host reads is written as words of 32. What it reads after a call is held
// by the variables of this file and of module.go until the next call begins: the collector must not take it. There is no
// cabi_post_…: nothing is freed between calls.

// The record that a call returns. 8-byte aligned, as `apply` asks.
var result struct {
	_     [0]uint64
	words [14]uint32
}

// Distinct reasons and names as the host reads them: pointer and length a string.
var reasonSpans, nameSpans []uint32

// What the host was given room for: one buffer for bytes, one for words, both reused.
var (
	bytesIn []byte
	wordsIn []uint64
	// Whether a function of the module is running: then the host writes the answer of an import, and may not write over the
	// arguments.
	running bool
	// Room for answers of imports, until the call ends.
	imported [][]byte
)

// Bytes of stderr that are kept for the host.
var stderr [512]byte

func init() { shimLend(&stderr[0], uint32(len(stderr))) }

// The host passes a list: of bytes (alignment 1) or of words.
//
//go:wasmexport cabi_realloc
func cabiRealloc(_ unsafe.Pointer, _, align, size uint32) unsafe.Pointer {
	switch {
	case running:
		room := make([]uint64, (size+7)/8)
		bytes := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(room))), size)
		imported = append(imported, bytes)
		return unsafe.Pointer(unsafe.SliceData(room))
	case align == 1:
		if uint32(cap(bytesIn)) < size {
			// The old one first: together they may be more than there is.
			bytesIn = nil
			bytesIn = make([]byte, roomy(size))
		}
		return unsafe.Pointer(unsafe.SliceData(bytesIn))
	default:
		if words := (size + 7) / 8; uint32(cap(wordsIn)) < words {
			wordsIn = nil
			wordsIn = make([]uint64, roomy(words))
		}
		return unsafe.Pointer(unsafe.SliceData(wordsIn))
	}
}

// roomy is a little more: batches differ in size, and each new high would be garbage soon.
func roomy(size uint32) uint32 { return size + size/8 + 64 }

//go:wasmexport tidegate:guest/lifecycle@0.1.0#describe
func exportDescribe() unsafe.Pointer {
	put(0, name)
	put(2, version)
	result.words[4] = 0
	if module.schema != "" {
		result.words[4] = 1
	}
	put(5, module.schema)
	return unsafe.Pointer(&result.words)
}

//go:wasmexport tidegate:guest/lifecycle@0.1.0#configure
func exportConfigure(text unsafe.Pointer, size uint32) unsafe.Pointer {
	shimBegin(0)
	defer end()
	running = true
	// Not in the reused buffer: a configuration may keep parts of its text.
	config := string(unsafe.Slice((*byte)(text), size))
	if err := configureOnce(config); err != nil {
		return failed(1, err)
	}
	result.words[0], result.words[1] = 0, uint32(module.needs)
	return unsafe.Pointer(&result.words)
}

//go:wasmexport tidegate:guest/filter@0.1.0#evaluate
func exportEvaluate(nowMs uint64, words uint32, bytes unsafe.Pointer, size uint32, index unsafe.Pointer, length uint32) unsafe.Pointer {
	defer end()
	if err := begin(nowMs, words, bytes, size, index, length, module.evaluate); err != nil {
		return failed(1, err)
	}
	result.words[0] = 0
	putOutcomes(1)
	return unsafe.Pointer(&result.words)
}

//go:wasmexport tidegate:guest/transform@0.1.0#apply
func exportApply(nowMs uint64, words uint32, bytes unsafe.Pointer, size uint32, index unsafe.Pointer, length uint32) unsafe.Pointer {
	defer end()
	if err := begin(nowMs, words, bytes, size, index, length, module.apply); err != nil {
		return failed(2, err)
	}
	result.words[0] = 0
	putOutcomes(2)
	result.words[6], result.words[7], result.words[8] = 0, 0, rowWords
	result.words[9], result.words[10] = address(unsafe.SliceData(written.bytes)), uint32(len(written.bytes))
	putWords(11, written.index)
	return unsafe.Pointer(&result.words)
}

//go:wasmexport tidegate:guest/matcher@0.1.0#assign
func exportAssign(nowMs uint64, words uint32, bytes unsafe.Pointer, size uint32, index unsafe.Pointer, length uint32) unsafe.Pointer {
	defer end()
	if err := begin(nowMs, words, bytes, size, index, length, module.assign); err != nil {
		return failed(1, err)
	}
	result.words[0] = 0
	putOutcomes(1)
	nameSpans = putStrings(5, named.names.all, nameSpans)
	putWords(7, named.pairs)
	return unsafe.Pointer(&result.words)
}

// begin reads the arguments of a call and makes it.
func begin(nowMs uint64, words uint32, bytes unsafe.Pointer, size uint32, index unsafe.Pointer, length uint32, call func() error) error {
	shimBegin(nowMs)
	running = true
	if !module.configured {
		return errNotConfigured
	}
	current.set(nowMs, int(words), slice[byte](bytes, size), slice[uint32](index, length))
	return call()
}

// end ends a call. A panic becomes the words that the host is told: an answer could say the same, but a panic is a panic in
// every language.
func end() {
	running = false
	// What the module keeps of them the collector keeps.
	clear(imported)
	imported = imported[:0]
	if cause := recover(); cause != nil {
		fail(panicText(cause))
	}
}

// slice is what the host passed: at length 0 the pointer says nothing.
func slice[T any](at unsafe.Pointer, length uint32) []T {
	if length == 0 {
		return nil
	}
	return unsafe.Slice((*T)(at), length)
}

func address[T any](at *T) uint32 { return uint32(uintptr(unsafe.Pointer(at))) }

// put writes pointer and length of a text.
func put(word int, text string) {
	result.words[word], result.words[word+1] = address(unsafe.StringData(text)), uint32(len(text))
}

func putWords(word int, words []uint32) {
	result.words[word], result.words[word+1] = address(unsafe.SliceData(words)), uint32(len(words))
}

func putOutcomes(word int) {
	putWords(word, answered.codes)
	reasonSpans = putStrings(word+2, answered.reasons, reasonSpans)
}

func putStrings(word int, texts []string, spans []uint32) []uint32 {
	spans = spans[:0]
	for _, text := range texts {
		spans = append(spans, address(unsafe.StringData(text)), uint32(len(text)))
	}
	result.words[word], result.words[word+1] = address(unsafe.SliceData(spans)), uint32(len(texts))
	return spans
}

// The text of the last error, held until the host has read it.
var lastError string

// failed is an error, with its message at this word.
func failed(word int, err error) unsafe.Pointer {
	lastError = err.Error()
	result.words[0] = 1
	put(word, lastError)
	return unsafe.Pointer(&result.words)
}
