package tidegate

import (
	"bytes"
	"encoding/json"
)

// Draft is an output event being written; see [Event.Patch], [Event.Copy] and [Event.Derive]. Its methods change it and return
// it.
//
// A draft that is not returned is not sent. An empty string removes an optional attribute (CloudEvents forbids empty ones).
type Draft struct{ place *place }

// SetID sets `id`. Several outputs of one event that inherit its id get `<id>.<k>` from the host.
func (d Draft) SetID(id string) Draft { return d.set(fieldID, id) }

// SetSource sets `source`, a URI reference.
func (d Draft) SetSource(source string) Draft { return d.set(fieldSource, source) }

// SetType sets the `type` attribute.
func (d Draft) SetType(ty string) Draft { return d.set(fieldType, ty) }

// SetSubject sets what of the source the event is about.
func (d Draft) SetSubject(subject string) Draft { return d.set(fieldSubject, subject) }

// SetTime sets the time, in RFC 3339.
func (d Draft) SetTime(time string) Draft { return d.set(fieldTime, time) }

// SetDataContentType sets the media type of the data. Setting data does not change it.
func (d Draft) SetDataContentType(mediaType string) Draft {
	return d.set(fieldDataContentType, mediaType)
}

// SetDataSchema sets the schema of the data, a URI.
func (d Draft) SetDataSchema(schema string) Draft { return d.set(fieldDataSchema, schema) }

// SetExtension adds or replaces an extension attribute. Names are lower-case letters and digits.
func (d Draft) SetExtension(name string, value Value) Draft {
	written.setExtension(d.place.row, name, value)
	return d
}

// RemoveExtension takes an extension attribute away, if it is there.
func (d Draft) RemoveExtension(name string) Draft {
	written.setExtension(d.place.row, name, Value{kind: kindRemoved})
	return d
}

// SetData sets the payload to these pieces, one after the other: so a part of the data is changed without copying it twice.
func (d Draft) SetData(form Form, pieces ...[]byte) Draft {
	size := 0
	for _, piece := range pieces {
		size += len(piece)
	}
	written.reserve(size)
	start := len(written.bytes)
	for _, piece := range pieces {
		written.bytes = append(written.bytes, piece...)
	}
	written.setSpan(d.place.row, fieldData, start)
	written.setFlags(d.place.row, flagHasData|uint32(form)<<flagFormShift)
	return d
}

// SetText sets the payload to text.
func (d Draft) SetText(text string) Draft {
	start := len(written.bytes)
	written.bytes = append(written.bytes, text...)
	written.setSpan(d.place.row, fieldData, start)
	written.setFlags(d.place.row, flagHasData|uint32(TextForm)<<flagFormShift)
	return d
}

// SetJSON sets the payload to a value's JSON. Characters of HTML are not escaped.
func (d Draft) SetJSON(value any) (Draft, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return d, err
	}
	return d.SetData(JSONForm, bytes.TrimSuffix(text.Bytes(), []byte("\n"))), nil
}

// RemoveData takes the payload away.
func (d Draft) RemoveData() Draft {
	written.set(d.place.row, fieldData, "")
	written.setFlags(d.place.row, 0)
	return d
}

// SetKey sets the key that sinks partition by.
func (d Draft) SetKey(key string) Draft {
	written.put(d.place.row, fieldContext, "key", String(key))
	return d
}

// SetHeader sets a transport header, for sinks that pass it on.
func (d Draft) SetHeader(name, value string) Draft {
	written.put(d.place.row, fieldContext, "header."+name, String(value))
	return d
}

func (d Draft) set(field int, value string) Draft {
	written.set(d.place.row, field, value)
	return d
}
