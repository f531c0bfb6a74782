// Names every order by its region, as in `orders/eu`: routes map names to sinks and topics.
package main

import (
	_ "embed"

	"tidegate.dev/tidegate"
	"tidegate.dev/tidegate/jsonscan"
)

// Config is what the policy says under `config`; schema.json says the same.
type Config struct {
	Root string `json:"root" description:"What names begin with."`
}

// Default is what holds where it says nothing.
func (c *Config) Default() { c.Root = "orders" }

//go:embed schema.json
var schema string

func init() {
	tidegate.MatcherWith(assign, tidegate.Needs(tidegate.Data), tidegate.Schema(schema))
}

// An order without a region gets no name, and goes where the route sends what no sink asks for.
func assign(e tidegate.Event, config *Config, names *tidegate.Names) tidegate.Verdict {
	if region, err := jsonscan.Text(e.Data(), "region"); err == nil {
		names.Join(config.Root, region)
	}
	return tidegate.Keep()
}

func main() {}
