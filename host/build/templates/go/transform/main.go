// Gives every order the region of its data as an attribute, so that it can be routed without reading the data.
package main

import (
	_ "embed"

	"tidegate.dev/tidegate"
	"tidegate.dev/tidegate/jsonscan"
)

// Config is what the policy says under `config`; schema.json says the same.
type Config struct {
	Fallback string `json:"fallback" description:"The region of orders that name none."`
}

// Default is what holds where it says nothing.
func (c *Config) Default() { c.Fallback = "none" }

//go:embed schema.json
var schema string

func init() {
	tidegate.TransformWith(rewrite, tidegate.Needs(tidegate.Data), tidegate.Schema(schema))
}

// A patch costs only what it changes: the data is not copied.
func rewrite(e tidegate.Event, config *Config) tidegate.Output {
	region, err := jsonscan.Text(e.Data(), "region")
	if err != nil {
		region = config.Fallback
	}
	return e.Patch().SetExtension("region", tidegate.String(region))
}

func main() {}
