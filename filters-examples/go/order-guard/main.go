// Order-guard lets orders through that are real: not a test, and with an amount that can be.
package main

import (
	_ "embed"

	"tidegate.dev/tidegate"
	"tidegate.dev/tidegate/jsonscan"
)

// Config is what the policy may say.
type Config struct {
	TestType string `json:"test_type" description:"The type of orders that are tests."`
}

// Default is what holds where it says nothing.
func (c *Config) Default() { c.TestType = "com.acme.order.test" }

//go:embed schema.json
var schema string

func init() {
	tidegate.FilterWith(orderGuard,
		tidegate.Needs(tidegate.Attributes, tidegate.Data),
		tidegate.Schema(schema))
}

func orderGuard(e tidegate.Event, config *Config) tidegate.Verdict {
	if e.Type() == config.TestType {
		return tidegate.Drop("test order")
	}
	if !e.HasData() {
		return tidegate.Reject("the event has no data")
	}
	// What of an order is looked at; the rest of it is skipped.
	amount, err := jsonscan.Number(e.Data(), "amount")
	if err != nil {
		return tidegate.Reject("the data is no order")
	}
	if amount <= 0 {
		return tidegate.Drop("amount is not positive")
	}
	return tidegate.Keep()
}

func main() {}
