//go:build matcher

package main

import "tidegate.dev/tidegate"

func init() { tidegate.Matcher(matcher, everything) }

func matcher(e tidegate.Event, names *tidegate.Names) tidegate.Verdict {
	names.Add("all")
	if region, ok := e.ExtensionString("region"); ok {
		names.Join("region", region)
	}
	if name, ok := e.ExtensionString("name"); ok {
		names.Add(name)
		names.Add(name)
	}
	if verdict, _ := e.ExtensionString("verdict"); verdict == "drop" {
		return tidegate.Drop(hash(e))
	}
	return tidegate.Keep()
}
