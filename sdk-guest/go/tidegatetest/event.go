// Package tidegatetest runs filters, transforms and matchers natively: it is a small host, with the batches of the real one and
// without any Wasm.
//
//	func TestOrdersNeedAnAmount(t *testing.T) {
//		order := tidegatetest.NewEvent().Type("com.acme.order.placed").JSON(`{"amount":0}`)
//		verdicts := tidegatetest.RunFilter(t, `{}`, order)
//		if got := verdicts[0].String(); got != "drop: amount is not positive" {
//			t.Error(got)
//		}
//	}
//
// The module that runs is the one that init registered. A function can be called by itself too, with [Builder.Event].
package tidegatetest

import (
	"encoding/binary"

	"tidegate.dev/tidegate"
	"tidegate.dev/tidegate/internal/native"
)

// The layout of a flat batch, as wit/tidegate.wit documents it.
const (
	rowWords   = 24
	fieldCount = 10
	wordSpans  = 4

	fieldExtensions = 7
	fieldData       = 8
	fieldContext    = 9

	hasData = 1
)

// Builder builds an event. It does not check it: a test may well want what no host delivers.
type Builder struct {
	fields [fieldCount][]byte
	flags  uint32
	nowMs  uint64
}

// NewEvent has id `1`, source `/test`, type `test` and nothing else, until told otherwise.
func NewEvent() *Builder {
	return new(Builder).ID("1").Source("/test").Type("test")
}

// ID sets `id`.
func (b *Builder) ID(id string) *Builder { return b.set(0, id) }

// Source sets `source`.
func (b *Builder) Source(source string) *Builder { return b.set(1, source) }

// Type sets `type`.
func (b *Builder) Type(ty string) *Builder { return b.set(2, ty) }

// Subject sets `subject`.
func (b *Builder) Subject(subject string) *Builder { return b.set(3, subject) }

// Time sets `time`.
func (b *Builder) Time(time string) *Builder { return b.set(4, time) }

// DataContentType sets `datacontenttype`.
func (b *Builder) DataContentType(mediaType string) *Builder { return b.set(5, mediaType) }

// DataSchema sets `dataschema`.
func (b *Builder) DataSchema(schema string) *Builder { return b.set(6, schema) }

// Extension adds an extension attribute.
func (b *Builder) Extension(name string, value tidegate.Value) *Builder {
	b.fields[fieldExtensions] = appendEntry(b.fields[fieldExtensions], name, byte(value.Kind()), value.String())
	return b
}

// Context adds something that the transport knows.
func (b *Builder) Context(name, value string) *Builder {
	b.fields[fieldContext] = appendEntry(b.fields[fieldContext], name, byte(tidegate.KindString), value)
	return b
}

// Data sets the payload.
func (b *Builder) Data(form tidegate.Form, bytes []byte) *Builder {
	b.fields[fieldData] = append([]byte(nil), bytes...)
	b.flags = hasData | uint32(form)<<1
	return b
}

// JSON sets the payload to JSON text.
func (b *Builder) JSON(text string) *Builder { return b.Data(tidegate.JSONForm, []byte(text)) }

// NowMs sets the host's clock.
func (b *Builder) NowMs(nowMs uint64) *Builder {
	b.nowMs = nowMs
	return b
}

// Event is the event by itself, to call a function with.
func (b *Builder) Event() tidegate.Event {
	bytes, index := assemble([]*Builder{b}, all)
	return native.Registered.Event(b.nowMs, bytes, index).(tidegate.Event)
}

func (b *Builder) set(field int, value string) *Builder {
	b.fields[field] = []byte(value)
	return b
}

func (b *Builder) clone() *Builder {
	clone := *b
	return &clone
}

const all = uint32(tidegate.Attributes | tidegate.Extensions | tidegate.Data | tidegate.Context)

// assemble lays events out as the host does for a module with these needs.
func assemble(events []*Builder, needs uint32) (bytes []byte, index []uint32) {
	for origin, event := range events {
		var row [rowWords]uint32
		row[0], row[1] = event.flags, uint32(origin)
		if needs&uint32(tidegate.Data) == 0 {
			row[0] = 0
		}
		row[0] |= (all &^ needs) << 8
		for field, value := range event.fields {
			if needs&partOf(field) == 0 || len(value) == 0 {
				continue
			}
			row[wordSpans+2*field], row[wordSpans+2*field+1] = uint32(len(bytes)), uint32(len(value))
			bytes = append(bytes, value...)
		}
		index = append(index, row[:]...)
	}
	return bytes, index
}

func partOf(field int) uint32 {
	switch field {
	case fieldExtensions:
		return uint32(tidegate.Extensions)
	case fieldData:
		return uint32(tidegate.Data)
	case fieldContext:
		return uint32(tidegate.Context)
	default:
		return uint32(tidegate.Attributes)
	}
}

func appendEntry(run []byte, name string, kind byte, value string) []byte {
	run = append(run, byte(len(name)), kind)
	run = binary.LittleEndian.AppendUint32(run, uint32(len(value)))
	run = append(run, name...)
	return append(run, value...)
}

type entry struct {
	name, value string
	kind        byte
}

func entries(run []byte) []entry {
	var found []entry
	for len(run) >= 6 {
		name, value := int(run[0]), int(binary.LittleEndian.Uint32(run[2:]))
		found = append(found, entry{string(run[6 : 6+name]), string(run[6+name : 6+name+value]), run[1]})
		run = run[6+name+value:]
	}
	return found
}
