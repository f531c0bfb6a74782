package tidegate

import (
	"bytes"
	"encoding/json"
	"reflect"
)

// SchemaOf derives the JSON Schema of a configuration: names and types of its fields, their defaults, `description` and `required`
// tags. What a type checks beyond that (limits, patterns) is not in it: write those into the file by hand.
//
// tidegatetest.CheckSchema compares it with schema.json, or writes that file.
func SchemaOf[C any](title string) string {
	config := new(C)
	if defaulted, ok := any(config).(Defaulted); ok {
		defaulted.Default()
	}
	schema := object{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"title", title},
	}
	schema = append(schema, schemaOf(reflect.TypeFor[C](), reflect.ValueOf(config).Elem())...)
	text, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		panic(err)
	}
	return string(text) + "\n"
}

// object is a JSON object that keeps its order.
type object []member

type member struct {
	key   string
	value any
}

func (o object) MarshalJSON() ([]byte, error) {
	var text bytes.Buffer
	text.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			text.WriteByte(',')
		}
		key, _ := json.Marshal(m.key)
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		text.Write(key)
		text.WriteByte(':')
		text.Write(value)
	}
	text.WriteByte('}')
	return text.Bytes(), nil
}

// schemaOf describes a type. A value that is not zero is its default.
func schemaOf(t reflect.Type, value reflect.Value) object {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
		if value.IsValid() && !value.IsNil() {
			value = value.Elem()
		} else {
			value = reflect.Value{}
		}
	}
	var schema object
	switch t.Kind() {
	case reflect.Bool:
		schema = object{{"type", "boolean"}}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		schema = object{{"type", "integer"}}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		schema = object{{"type", "integer"}, {"minimum", 0}}
	case reflect.Float32, reflect.Float64:
		schema = object{{"type", "number"}}
	case reflect.String:
		schema = object{{"type", "string"}}
	case reflect.Slice, reflect.Array:
		schema = object{{"type", "array"}, {"items", schemaOf(t.Elem(), reflect.Value{})}}
	case reflect.Map:
		schema = object{{"type", "object"}, {"additionalProperties", schemaOf(t.Elem(), reflect.Value{})}}
	case reflect.Struct:
		if reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
			return object{}
		}
		return objectSchema(t, value)
	}
	if value.IsValid() && !value.IsZero() {
		schema = append(schema, member{"default", value.Interface()})
	}
	return schema
}

func objectSchema(t reflect.Type, value reflect.Value) object {
	schema := object{{"type", "object"}, {"additionalProperties", false}}
	var required []string
	properties := object{}
	for _, f := range fieldsOf(t) {
		var own reflect.Value
		if value.IsValid() {
			own = value.FieldByIndex(f.index)
		}
		var property object
		if f.description != "" {
			property = object{{"description", f.description}}
		}
		properties = append(properties, member{f.key, append(property, schemaOf(f.t, own)...)})
		if f.required {
			required = append(required, f.key)
		}
	}
	if required != nil {
		schema = append(schema, member{"required", required})
	}
	return append(schema, member{"properties", properties})
}
