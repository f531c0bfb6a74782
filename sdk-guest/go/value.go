package tidegate

import (
	"encoding/binary"
	"strconv"
	"unsafe"
)

// Kind is the type of an extension attribute. It is a hint: transports without types (HTTP headers) deliver everything as a
// string. [Value.Integer] and [Value.Boolean] read both.
type Kind uint8

// Kinds as the contract numbers them.
const (
	kindRemoved Kind = iota
	KindString
	KindInteger
	KindBoolean
	KindBinary
	KindURI
	KindURIRef
	KindTimestamp
)

// Value is the value of an extension attribute.
type Value struct {
	kind Kind
	text string
	// Of an integer that a module made.
	number int32
}

// String is text.
func String(text string) Value { return Value{kind: KindString, text: text} }

// Integer is a 32-bit integer.
func Integer(number int32) Value { return Value{kind: KindInteger, number: number} }

// Boolean is a truth value.
func Boolean(truth bool) Value {
	if truth {
		return Value{kind: KindBoolean, text: "true"}
	}
	return Value{kind: KindBoolean, text: "false"}
}

// Binary is bytes.
func Binary(bytes []byte) Value { return Value{kind: KindBinary, text: view(bytes)} }

// URI is an absolute URI.
func URI(text string) Value { return Value{kind: KindURI, text: text} }

// URIRef is a URI reference.
func URIRef(text string) Value { return Value{kind: KindURIRef, text: text} }

// Timestamp is an RFC 3339 timestamp.
func Timestamp(text string) Value { return Value{kind: KindTimestamp, text: text} }

// Kind is what it came or was made as.
func (v Value) Kind() Kind { return v.kind }

// String is the canonical string form; of bytes the bytes as they are.
func (v Value) String() string {
	if v.kind == KindInteger && v.text == "" {
		return strconv.Itoa(int(v.number))
	}
	return v.text
}

// Integer is an integer, or text that is one.
func (v Value) Integer() (int32, bool) {
	switch v.kind {
	case KindInteger, KindString:
		if v.kind == KindInteger && v.text == "" {
			return v.number, true
		}
		number, err := strconv.ParseInt(v.text, 10, 32)
		return int32(number), err == nil
	default:
		return 0, false
	}
}

// Boolean is a truth value, or text that is one.
func (v Value) Boolean() (truth, ok bool) {
	if v.kind != KindBoolean && v.kind != KindString {
		return false, false
	}
	return v.text == "true", v.text == "true" || v.text == "false"
}

// Bytes is the value of kind [KindBinary], or what the text consists of. Nobody writes to them.
func (v Value) Bytes() []byte {
	text := v.String()
	return unsafe.Slice(unsafe.StringData(text), len(text))
}

// entry is one of a run, not yet decoded.
type entry struct {
	name, raw, whole []byte
	kind             Kind
}

const entryHead = 6

// cutEntry takes the first entry off a run; false at its end, and at an entry that is cut.
func cutEntry(run []byte) (e entry, rest []byte, ok bool) {
	if len(run) < entryHead {
		return entry{}, nil, false
	}
	name, value := int(run[0]), int(binary.LittleEndian.Uint32(run[2:]))
	if value > len(run)-entryHead-name {
		return entry{}, nil, false
	}
	end := entryHead + name + value
	e = entry{name: run[entryHead : entryHead+name], raw: run[entryHead+name : end], whole: run[:end], kind: Kind(run[1])}
	return e, run[end:], true
}

func find(run []byte, name string) (entry, bool) {
	for e, rest, ok := cutEntry(run); ok; e, rest, ok = cutEntry(rest) {
		if view(e.name) == name {
			return e, true
		}
	}
	return entry{}, false
}

// value decodes. A kind of a later contract, or text that does not parse as its kind, is read as a string.
func (e entry) value() Value {
	v := Value{kind: e.kind, text: view(e.raw)}
	switch e.kind {
	case KindBinary, KindURI, KindURIRef, KindTimestamp:
		return v
	case KindInteger:
		if _, ok := v.Integer(); ok && v.text != "" {
			return v
		}
	case KindBoolean:
		if _, ok := v.Boolean(); ok {
			return v
		}
	}
	return String(v.text)
}

// appendEntry appends an entry. A name past 255 bytes is cut, and the host refuses it as too long.
func appendEntry(run []byte, name string, v Value) []byte {
	name = name[:min(len(name), 255)]
	start := len(run)
	run = append(run, byte(len(name)), byte(v.kind), 0, 0, 0, 0)
	run = append(run, name...)
	value := len(run)
	if v.kind == KindInteger && v.text == "" {
		run = strconv.AppendInt(run, int64(v.number), 10)
	} else {
		run = append(run, v.text...)
	}
	binary.LittleEndian.PutUint32(run[start+2:], uint32(len(run)-value))
	return run
}
