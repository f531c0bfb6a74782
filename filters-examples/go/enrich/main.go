// Enrich adds extensions to orders and changes nothing else: the tier of the shop that they come from, and the hour in which they
// were seen.
package main

import (
	_ "embed"
	"strings"

	"tidegate.dev/tidegate"
)

// Config is what the policy says.
type Config struct {
	Tiers       map[string]string `json:"tiers" required:"true" description:"What the tier of a shop is, by the last element of the event's source."`
	DefaultTier string            `json:"default_tier" description:"The tier of all others."`
}

// Default is what holds where it says nothing.
func (c *Config) Default() { c.DefaultTier = "standard" }

//go:embed schema.json
var schema string

func init() {
	tidegate.TransformWith(enrich,
		tidegate.Needs(tidegate.Attributes, tidegate.Extensions),
		tidegate.Schema(schema))
}

func enrich(e tidegate.Event, config *Config) tidegate.Output {
	out := e.Patch()
	// What somebody has said before is not said again.
	if _, known := e.Extension("tier"); !known {
		out.SetExtension("tier", tidegate.String(config.tier(e.Source())))
	}
	if len(e.Time()) >= len("2026-01-31T08") {
		out.SetExtension("seenhour", tidegate.String(e.Time()[:len("2026-01-31T08")]))
	}
	return out
}

func (c *Config) tier(source string) string {
	shop := source[strings.LastIndexByte(source, '/')+1:]
	if tier, ok := c.Tiers[shop]; ok {
		return tier
	}
	return c.DefaultTier
}

func main() {}
