package tidegate

import (
	"errors"
	"iter"
	"unsafe"
)

// Event is one CloudEvent of the batch at hand: a view of a row, nothing copied. What it lends is valid until the module's
// function returns.
//
// Reading what the module's needs do not list gives nothing, and fails the whole call with an error that says so.
type Event struct {
	batch *batch
	row   *row
}

// Form says how the data of an event is to be read.
type Form uint8

const (
	// Binary is bytes.
	BinaryForm Form = iota
	// Text is UTF-8.
	TextForm
	// JSONForm is one JSON value.
	JSONForm
)

// ErrNoData says that an event has no data.
var ErrNoData = errors.New("the event has no data")

// ID is unique within the event's source.
func (e Event) ID() string { return e.text(fieldID) }

// Source is the context in which it happened; a URI reference.
func (e Event) Source() string { return e.text(fieldSource) }

// Type is the `type` attribute.
func (e Event) Type() string { return e.text(fieldType) }

// Subject is what of the source it is about; "" if there is none.
func (e Event) Subject() string { return e.text(fieldSubject) }

// Time is when it happened: RFC 3339, as received; "" if there is none.
func (e Event) Time() string { return e.text(fieldTime) }

// DataContentType is the media type of the data; "" if there is none.
func (e Event) DataContentType() string { return e.text(fieldDataContentType) }

// DataSchema is the schema of the data, a URI; "" if there is none.
func (e Event) DataSchema() string { return e.text(fieldDataSchema) }

// Extension is an extension attribute; false if there is none of this name.
func (e Event) Extension(name string) (Value, bool) {
	entry, ok := find(e.span(fieldExtensions, needExtensions), name)
	return entry.value(), ok
}

// ExtensionString is an extension attribute in canonical string form, whatever its kind; false if there is none, or if it is
// bytes.
func (e Event) ExtensionString(name string) (string, bool) {
	entry, ok := find(e.span(fieldExtensions, needExtensions), name)
	if !ok || entry.kind == KindBinary {
		return "", false
	}
	return view(entry.raw), true
}

// Extensions goes through all extension attributes, in the order received.
func (e Event) Extensions() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		run := e.span(fieldExtensions, needExtensions)
		for entry, rest, ok := cutEntry(run); ok; entry, rest, ok = cutEntry(rest) {
			if !yield(view(entry.name), entry.value()) {
				return
			}
		}
	}
}

// HasData tells no data from empty data.
func (e Event) HasData() bool {
	if e.row[wordFlags]&flagHasData != 0 {
		return true
	}
	e.note(needData)
	return false
}

// Data is the payload: nil if there is none, empty but not nil if it is empty. Unchecked: whoever sent the event may have
// called anything JSON.
func (e Event) Data() []byte {
	if !e.HasData() {
		return nil
	}
	if data := e.span(fieldData, needData); data != nil {
		return data
	}
	return []byte{}
}

// Form is how the data is to be read, as the transport delivered it.
func (e Event) Form() Form {
	switch form := (e.row[wordFlags] & flagForm) >> flagFormShift; form {
	case 1:
		return TextForm
	case 2:
		return JSONForm
	default:
		// A form of a later contract is read as bytes.
		return BinaryForm
	}
}

// Context is something that the transport knows: `topic`, `key`, `partition`, `header.NAME`, …
func (e Event) Context(name string) (string, bool) {
	entry, ok := find(e.span(fieldContext, needContext), name)
	return view(entry.raw), ok
}

// Contexts goes through everything the transport knows.
func (e Event) Contexts() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		run := e.span(fieldContext, needContext)
		for entry, rest, ok := cutEntry(run); ok; entry, rest, ok = cutEntry(rest) {
			if entry.kind != KindBinary && !yield(view(entry.name), view(entry.raw)) {
				return
			}
		}
	}
}

// NowMs is the host's clock when the batch was formed, in milliseconds since the Unix epoch: the only clock there is.
func (e Event) NowMs() uint64 { return e.batch.nowMs }

// Patch is an output that is this event, but for what is then changed. Costs only what is changed.
func (e Event) Patch() Draft { return written.begun(e, inheritAll) }

// Copy is an output that stands for itself: a copy of everything this event holds.
func (e Event) Copy() Draft { return written.copied(e) }

// Derive is an output that has nothing of this event but its place in the stream.
func (e Event) Derive(id, source, ty string) Draft {
	return written.begun(e, 0).SetID(id).SetSource(source).SetType(ty)
}

// span is the bytes of a field, nil where there are none.
func (e Event) span(field int, need needs) []byte {
	start, length := e.row[wordSpans+2*field], e.row[wordSpans+2*field+1]
	if length == 0 {
		e.note(need)
		return nil
	}
	// The host guarantees spans in bounds; this keeps a broken one from being more than an empty value.
	bytes, end := e.batch.bytes, uint64(start)+uint64(length)
	if end > uint64(len(bytes)) {
		return nil
	}
	return bytes[start:end:end]
}

func (e Event) text(field int) string { return view(e.span(field, needAttributes)) }

// note remembers that something was asked for that had been withheld.
func (e Event) note(need needs) {
	if withheld := needs(e.row[wordFlags]>>flagWithheldShift) & need; withheld != 0 {
		e.batch.misread |= withheld
	}
}

// view is the text that lies in these bytes.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
