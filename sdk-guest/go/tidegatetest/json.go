package tidegatetest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tidegate.dev/tidegate"
	"tidegate.dev/tidegate/internal/native"
)

// Files are read in the folder of the test. They hold CloudEvents in the JSON format, one a line, as far as samples need it; the
// host's codec is the complete one.

// Events reads a file of events.
func Events(t testing.TB, path string) []*Builder {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var events []*Builder
	for line := range bytes.Lines(text) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		event, err := parse(line)
		if err != nil {
			t.Fatalf("%s: %v: %s", path, err, line)
		}
		events = append(events, event)
	}
	return events
}

// Kept are the events that were kept.
func Kept(events []*Builder, verdicts []tidegate.Verdict) []*Builder {
	var kept []*Builder
	for i, verdict := range verdicts {
		if verdict == tidegate.Keep() {
			kept = append(kept, events[i])
		}
	}
	return kept
}

// Out is all that came out of a transform.
func Out(results []Transformed) []*Builder {
	var out []*Builder
	for _, result := range results {
		out = append(out, result.Events...)
	}
	return out
}

// CheckEvents compares events with a file of them. With the environment variable UPDATE=1 the file is written instead.
func CheckEvents(t testing.TB, path string, events []*Builder) {
	t.Helper()
	var text bytes.Buffer
	for _, event := range events {
		line, err := event.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		text.Write(line)
		text.WriteByte('\n')
	}
	if os.Getenv("UPDATE") == "1" {
		if err := os.WriteFile(path, text.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	expected := Events(t, path)
	for i := range max(len(expected), len(events)) {
		switch {
		case i >= len(events):
			t.Errorf("%s:%d: nothing came out, expected %s", path, i+1, line(expected[i]))
		case i >= len(expected):
			t.Errorf("%s: one too many came out: %s", path, line(events[i]))
		case !same(events[i], expected[i]):
			t.Errorf("%s:%d: expected %s\ncame out %s", path, i+1, line(expected[i]), line(events[i]))
		}
	}
}

// CheckSchema compares schema.json with what [tidegate.SchemaOf] derives from the configuration. With the environment variable
// UPDATE=1 the file is written instead.
func CheckSchema[C any](t testing.TB, path, title string) {
	t.Helper()
	derived := tidegate.SchemaOf[C](title)
	if os.Getenv("UPDATE") == "1" {
		if err := os.WriteFile(path, []byte(derived), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != derived {
		t.Errorf("%s is not what the configuration's type says (UPDATE=1 writes it):\n%s", path, derived)
	}
	if registered := native.Registered.Schema(); registered != string(text) {
		t.Errorf("%s is not what the module describes: embed it with go:embed and hand it to tidegate.Schema", path)
	}
}

func line(event *Builder) string {
	text, err := event.MarshalJSON()
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// same says whether two events mean the same: the order of extensions and the spelling of JSON do not matter.
func same(a, b *Builder) bool {
	var one, other any
	errOne, errOther := json.Unmarshal([]byte(line(a)), &one), json.Unmarshal([]byte(line(b)), &other)
	return errOne == nil && errOther == nil && reflect.DeepEqual(one, other)
}

func parse(line []byte) (*Builder, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(line, &object); err != nil {
		return nil, err
	}
	event := new(Builder)
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := event.parseMember(name, object); err != nil {
			return nil, err
		}
	}
	return event, nil
}

func (b *Builder) parseMember(name string, object map[string]json.RawMessage) error {
	raw := object[name]
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		return err
	}
	text, isText := value.(string)
	switch name {
	case "specversion":
		return nil
	case "data":
		if isText && !isJSON(object) {
			b.Data(tidegate.TextForm, []byte(text))
		} else {
			b.Data(tidegate.JSONForm, raw)
		}
		return nil
	case "data_base64":
		bytes, err := base64.StdEncoding.DecodeString(text)
		b.Data(tidegate.BinaryForm, bytes)
		return err
	}
	if field := slices.Index(attributes, name); field >= 0 {
		if !isText {
			return fmt.Errorf("`%s` is no text", name)
		}
		b.set(field, text)
		return nil
	}
	switch value := value.(type) {
	case string:
		b.Extension(name, tidegate.String(value))
	case bool:
		b.Extension(name, tidegate.Boolean(value))
	case float64:
		if value != math.Trunc(value) || math.Abs(value) > math.MaxInt32 {
			return fmt.Errorf("`%s` is no 32-bit integer", name)
		}
		b.Extension(name, tidegate.Integer(int32(value)))
	default:
		return fmt.Errorf("`%s` has no value that an attribute can have", name)
	}
	return nil
}

var attributes = []string{"id", "source", "type", "subject", "time", "datacontenttype", "dataschema"}

// isJSON says what data is: without a content type it is JSON.
func isJSON(object map[string]json.RawMessage) bool {
	var mediaType string
	if raw, ok := object["datacontenttype"]; ok && json.Unmarshal(raw, &mediaType) == nil {
		return strings.HasSuffix(mediaType, "/json") || strings.HasSuffix(mediaType, "+json")
	}
	return true
}

// MarshalJSON is the event in CloudEvents JSON.
func (b *Builder) MarshalJSON() ([]byte, error) {
	var text bytes.Buffer
	text.WriteString(`{"specversion":"1.0"`)
	member := func(name string, value any) {
		key, _ := json.Marshal(name)
		text.WriteByte(',')
		text.Write(key)
		text.WriteByte(':')
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		// Text and numbers can always be written.
		_ = encoder.Encode(value)
		text.Truncate(text.Len() - 1)
	}
	for field, name := range attributes {
		if value := b.fields[field]; len(value) > 0 {
			member(name, string(value))
		}
	}
	for _, e := range entries(b.fields[fieldExtensions]) {
		switch number, err := strconv.Atoi(e.value); {
		case tidegate.Kind(e.kind) == tidegate.KindInteger && err == nil:
			member(e.name, number)
		case tidegate.Kind(e.kind) == tidegate.KindBoolean:
			member(e.name, e.value == "true")
		case tidegate.Kind(e.kind) == tidegate.KindBinary:
			member(e.name, base64.StdEncoding.EncodeToString([]byte(e.value)))
		default:
			member(e.name, e.value)
		}
	}
	if b.flags&hasData != 0 {
		data := b.fields[fieldData]
		switch form := tidegate.Form(b.flags >> 1 & 3); {
		case form == tidegate.JSONForm && json.Valid(data):
			text.WriteString(`,"data":`)
			text.Write(data)
		case form == tidegate.BinaryForm:
			member("data_base64", base64.StdEncoding.EncodeToString(data))
		default:
			member("data", string(data))
		}
	}
	text.WriteByte('}')
	return text.Bytes(), nil
}
