//go:build filter

package main

import "tidegate.dev/tidegate"

func init() { tidegate.Filter(filter, everything) }

func filter(e tidegate.Event) tidegate.Verdict {
	reason, ok := e.ExtensionString("reason")
	if !ok {
		reason = hash(e)
	}
	switch verdict, _ := e.ExtensionString("verdict"); verdict {
	case "keep":
		return tidegate.Keep()
	case "reject":
		return tidegate.Reject(reason)
	case "retry":
		return tidegate.Retry(reason)
	case "panic":
		panic("vector " + e.ID())
	default:
		return tidegate.Drop(reason)
	}
}
