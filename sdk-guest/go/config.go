package tidegate

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
)

// noConfig reads the configuration of a module that has none: there is none, or an empty object.
func noConfig(text string) error {
	text = strings.TrimSpace(text)
	inside, isObject := strings.CutPrefix(text, "{")
	inside, isClosed := strings.CutSuffix(inside, "}")
	if text == "" || text == "null" || isObject && isClosed && strings.TrimSpace(inside) == "" {
		return nil
	}
	return errors.New("this module takes no configuration")
}

// Checked is a configuration with something to check, or to prepare (patterns to compile), once it has been read.
type Checked interface {
	// Check is called once. Its error is what whoever deploys the policy is told: say what is wrong and where.
	Check() error
}

// Defaulted is a configuration with defaults other than zero.
type Defaulted interface {
	// Default sets them; what the policy says is then read over it.
	Default()
}

// decodeConfig reads a configuration. None is `{}`. Keys that the type does not have are refused, and so are required ones
// that are missing (tag `required:"true"`).
func decodeConfig(text string, config any) error {
	text = strings.TrimSpace(text)
	if text == "" || text == "null" {
		text = "{}"
	}
	if defaulted, ok := config.(Defaulted); ok {
		defaulted.Default()
	}
	var raw any
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		return plain(err)
	}
	if err := checkKeys(raw, reflect.TypeOf(config).Elem(), ""); err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(text), config); err != nil {
		return plain(err)
	}
	if checked, ok := config.(Checked); ok {
		return checked.Check()
	}
	return nil
}

// plain is the error without the name of the package it comes from.
func plain(err error) error {
	return errors.New(strings.TrimPrefix(err.Error(), "json: "))
}

// checkKeys refuses keys that a type does not have. By hand: encoding/json takes `Limit` for `limit`, and does not say what
// there would be.
func checkKeys(value any, t reflect.Type, path string) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return nil
	}
	switch value := value.(type) {
	case []any:
		if t.Kind() == reflect.Slice || t.Kind() == reflect.Array {
			for _, element := range value {
				if err := checkKeys(element, t.Elem(), path); err != nil {
					return err
				}
			}
		}
	case map[string]any:
		switch t.Kind() {
		case reflect.Map:
			for key, element := range value {
				if err := checkKeys(element, t.Elem(), path+key+"."); err != nil {
					return err
				}
			}
		case reflect.Struct:
			return checkObject(value, fieldsOf(t), path)
		}
	}
	return nil
}

func checkObject(object map[string]any, fields []field, path string) error {
	keys := make([]string, 0, len(object))
	for key := range object {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		at := slices.IndexFunc(fields, func(f field) bool { return f.key == key })
		if at < 0 {
			return errors.New("unknown field `" + path + key + "`, expected " + expected(fields))
		}
		if err := checkKeys(object[key], fields[at].t, path+key+"."); err != nil {
			return err
		}
	}
	for _, f := range fields {
		if _, ok := object[f.key]; f.required && !ok {
			return errors.New("missing field `" + path + f.key + "`")
		}
	}
	return nil
}

func expected(fields []field) string {
	if len(fields) == 0 {
		return "none"
	}
	var names []string
	for _, f := range fields {
		names = append(names, "`"+f.key+"`")
	}
	if len(names) == 1 {
		return names[0]
	}
	return "one of " + strings.Join(names, ", ")
}

// field is a member of a configuration.
type field struct {
	key         string
	t           reflect.Type
	index       []int
	required    bool
	description string
}

// fieldsOf is what encoding/json reads of a struct.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for _, f := range reflect.VisibleFields(t) {
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || f.Anonymous && key == "" || f.Tag.Get("json") == "-" {
			continue
		}
		if key == "" {
			key = f.Name
		}
		fields = append(fields, field{
			key:         key,
			t:           f.Type,
			index:       f.Index,
			required:    f.Tag.Get("required") == "true",
			description: f.Tag.Get("description"),
		})
	}
	return fields
}
