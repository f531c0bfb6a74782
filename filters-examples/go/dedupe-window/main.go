// Dedupe-window lets each event through once: what came from the same source with the same id within the window is dropped.
package main

import (
	_ "embed"
	"time"

	"tidegate.dev/tidegate"
	"tidegate.dev/tidegate/state"
)

// Config is what the policy says.
type Config struct {
	WindowSeconds uint64 `json:"window_seconds" description:"For how long an event is remembered."`
}

// Default is what holds where it says nothing.
func (c *Config) Default() { c.WindowSeconds = 3600 }

//go:embed schema.json
var schema string

func init() {
	tidegate.FilterWith(dedupe,
		tidegate.Needs(tidegate.Attributes),
		tidegate.Schema(schema))
}

func dedupe(e tidegate.Event, config *Config) tidegate.Verdict {
	// Source and id together name an event. No source has a line break in it.
	name := e.Source() + "\n" + e.ID()
	if state.Has(name) {
		return tidegate.Drop("seen before")
	}
	switch state.Set(name, nil, time.Duration(config.WindowSeconds)*time.Second) {
	case state.ErrTooLarge:
		return tidegate.Reject("source and id are too long to remember")
	default:
		// Better twice than never: what finds no room goes on.
		return tidegate.Keep()
	}
}

func main() {}
