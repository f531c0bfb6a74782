package tidegate

import (
	"errors"
	"testing"
)

type testConfig struct {
	Limit  float64           `json:"limit" description:"An amount above this is dropped."`
	Region string            `json:"region" required:"true"`
	Tags   []string          `json:"tags"`
	Inner  struct{ N int32 } `json:"inner"`
	ByName map[string]uint8  `json:"by_name"`
	Secret string            `json:"-"`
}

func (c *testConfig) Default() { c.Limit = 10 }

func (c *testConfig) Check() error {
	if c.Limit <= 0 {
		return errors.New("`limit` is not positive")
	}
	return nil
}

func TestConfigurations(t *testing.T) {
	for text, want := range map[string]string{
		`{"region":"eu"}`: "",
		` {"region":"eu","limit":2,"inner":{"N":1}} `: "",
		`null`:                                "missing field `region`",
		``:                                    "missing field `region`",
		`{"region":"eu","limt":2}`:            "unknown field `limt`, expected one of `limit`, `region`, `tags`, `inner`, `by_name`",
		`{"Region":"eu"}`:                     "unknown field `Region`, expected one of `limit`, `region`, `tags`, `inner`, `by_name`",
		`{"region":"eu","Secret":""}`:         "unknown field `Secret`, expected one of `limit`, `region`, `tags`, `inner`, `by_name`",
		`{"region":"eu","inner":{"n":1}}`:     "unknown field `inner.n`, expected `N`",
		`{"region":7}`:                        "cannot unmarshal number into Go struct field testConfig.region of type string",
		`{"region":"eu","limit":-1}`:          "`limit` is not positive",
		`{"region":"eu","by_name":{"a":300}}`: "cannot unmarshal number 300 into Go struct field testConfig.by_name of type uint8",
		`[]`:                                  "cannot unmarshal array into Go value of type tidegate.testConfig",
		`{`:                                   "unexpected end of JSON input",
	} {
		got := ""
		if err := decodeConfig(text, new(testConfig)); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
	config := new(testConfig)
	if err := decodeConfig(`{"region":"eu"}`, config); err != nil || config.Limit != 10 || config.Region != "eu" {
		t.Error(config, err)
	}
}

func TestNoConfiguration(t *testing.T) {
	for _, text := range []string{"", "null", "{}", " { } "} {
		if err := noConfig(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{`{"a":1}`, "[]", "0", "{", "}"} {
		if noConfig(text) == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func TestASchemaIsDerived(t *testing.T) {
	const want = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "guard",
  "type": "object",
  "additionalProperties": false,
  "required": [
    "region"
  ],
  "properties": {
    "limit": {
      "description": "An amount above this is dropped.",
      "type": "number",
      "default": 10
    },
    "region": {
      "type": "string"
    },
    "tags": {
      "type": "array",
      "items": {
        "type": "string"
      }
    },
    "inner": {
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "N": {
          "type": "integer"
        }
      }
    },
    "by_name": {
      "type": "object",
      "additionalProperties": {
        "type": "integer",
        "minimum": 0
      }
    }
  }
}
`
	if got := SchemaOf[testConfig]("guard"); got != want {
		t.Error(got)
	}
}
