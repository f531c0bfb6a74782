// Redact-fields puts `***` in place of fields of JSON data, and leaves every other byte of it as it was.
//
// A field is a path of names joined by dots; it goes through arrays. Where a field stands more than once, all of them are
// redacted. Data that is not JSON is rejected: what cannot be read cannot be redacted.
package main

import (
	_ "embed"
	"encoding/json"

	"tidegate.dev/tidegate"
	"tidegate.dev/tidegate/jsonscan"
)

// Config is what the policy says.
type Config struct {
	Fields      []string `json:"fields" required:"true" description:"Paths of what is redacted, names joined by dots; they go through arrays."`
	Replacement string   `json:"replacement" description:"What stands in its place."`

	paths jsonscan.Paths
	// The replacement as JSON.
	written []byte
	// Of the event at hand; kept for the next.
	found  []jsonscan.Span
	pieces [][]byte
}

// Default is what holds where it says nothing.
func (c *Config) Default() { c.Replacement = "***" }

// Check prepares what is the same for all events.
func (c *Config) Check() (err error) {
	c.written, _ = json.Marshal(c.Replacement)
	c.paths, err = jsonscan.ParsePaths(c.Fields)
	return err
}

//go:embed schema.json
var schema string

func init() {
	tidegate.TransformWith(redactFields, tidegate.Needs(tidegate.Data), tidegate.Schema(schema))
}

func redactFields(e tidegate.Event, config *Config) tidegate.Output {
	if !e.HasData() {
		return e.Patch()
	}
	data := e.Data()
	found, err := config.paths.Find(data, config.found[:0])
	config.found = found
	switch {
	case err != nil:
		return tidegate.Reject("the data is not JSON")
	case len(found) == 0:
		return e.Patch()
	}
	start, pieces := 0, config.pieces[:0]
	for _, place := range found {
		pieces = append(pieces, data[start:place.Start], config.written)
		start = place.End
	}
	config.pieces = append(pieces, data[start:])
	return e.Patch().SetData(tidegate.JSONForm, config.pieces...)
}

func main() {}
