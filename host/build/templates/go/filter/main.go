// Lets orders through that are real: not a test, and worth something.
package main

import (
	_ "embed"

	"tidegate.dev/tidegate"
	"tidegate.dev/tidegate/jsonscan"
)

// Config is what the policy says under `config`; schema.json says the same.
type Config struct {
	Minimum float64 `json:"minimum" description:"An order of less is dropped."`
}

// Default is what holds where it says nothing.
func (c *Config) Default() { c.Minimum = 1 }

//go:embed schema.json
var schema string

func init() {
	tidegate.FilterWith(decide,
		tidegate.Needs(tidegate.Attributes, tidegate.Data),
		tidegate.Schema(schema))
}

func decide(e tidegate.Event, config *Config) tidegate.Verdict {
	if e.Type() == "com.acme.order.test" {
		return tidegate.Drop("test order")
	}
	// What of an order is looked at; the rest of it is skipped.
	amount, err := jsonscan.Number(e.Data(), "amount")
	if err != nil {
		return tidegate.Reject("the data is no order")
	}
	if amount < config.Minimum {
		return tidegate.Drop("below the minimum")
	}
	return tidegate.Keep()
}

func main() {}
