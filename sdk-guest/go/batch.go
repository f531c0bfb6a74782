package tidegate

import (
	"errors"
	"unsafe"
)

// The layout of a flat batch, as wit/tidegate.wit documents it.

// Words in a row of contract 0.1.0. A host with a later 0.1.x may send more: step by what the batch says.
const rowWords = 24

type row [rowWords]uint32

// The words of a row that are not spans.
const (
	wordFlags   = 0
	wordOrigin  = 1
	wordInherit = 2
	wordSpans   = 4
)

// The ten fields that have spans.
const (
	fieldID = iota
	fieldSource
	fieldType
	fieldSubject
	fieldTime
	fieldDataContentType
	fieldDataSchema
	fieldExtensions
	fieldData
	fieldContext
	fieldCount
)

// Bits of the flags word.
const (
	flagHasData       = 1
	flagFormShift     = 1
	flagForm          = 3 << flagFormShift
	flagWithheldShift = 8
)

// Bits of the inherit word: one a field, and one more.
const (
	inheritAll = 1<<fieldCount - 1
	// Extensions hold only what was added, replaced, or removed.
	inheritExtensionsChanged = 1 << 16
)

// batch is what the host handed over in one call.
type batch struct {
	nowMs uint64
	words int
	bytes []byte
	index []uint32
	// Bits of needs that were read although the host withheld them.
	misread needs
}

func (b *batch) set(nowMs uint64, words int, bytes []byte, index []uint32) {
	b.nowMs, b.words, b.bytes, b.index, b.misread = nowMs, max(words, rowWords), bytes, index, 0
}

func (b *batch) len() int {
	if b.words == 0 {
		return 0
	}
	return len(b.index) / b.words
}

func (b *batch) event(i int) Event {
	start := i * b.words
	words := b.index[start : start+rowWords]
	return Event{b, (*row)(unsafe.Pointer(unsafe.SliceData(words)))}
}

// checkMisreads fails the batch if anything was read that had been withheld: the module must not decide on nothing.
func (b *batch) checkMisreads() error {
	if b.misread == 0 {
		return nil
	}
	return errors.New("reads " + b.misread.String() + ", which it did not ask for: list it in `Needs(…)`")
}
