// Package tidegate writes filters, transforms and matchers for Tidegate: one function on one typed event.
//
//	package main
//
//	import (
//		"strings"
//
//		"tidegate.dev/tidegate"
//	)
//
//	func init() { tidegate.Filter(orderGuard) }
//
//	func orderGuard(e tidegate.Event) tidegate.Verdict {
//		if strings.HasPrefix(e.Type(), "com.acme.order") {
//			return tidegate.Keep()
//		}
//		return tidegate.Drop("not an order")
//	}
//
//	func main() {}
//
// `tidegate build` makes a component of it. The function stays a plain function: its tests run with `go test`, without any
// Wasm (see the package tidegatetest).
//
// This is not the host, and knows nothing of it but the contract in wit/. Batches cross flat; this package walks them and
// hands out one event at a time, without copying or allocating for it.
//
// # What an event lends
//
// Strings and slices of an [Event] lie in the batch and are valid until the function returns: the next batch takes their
// place. What is kept longer (which a pure module hardly ever does) is cloned with strings.Clone or bytes.Clone. Nobody
// writes to a slice of an event.
//
// # Panics
//
// A panic ends the call with its message; the host finds the event that caused it, and the policy's onTrap decides about that
// event alone. After os.Exit or log.Fatal the host is told what was written to stderr during the call. A deadlock is
// a bare trap.
//
// # Time and chance
//
// A module is pure. time.Now is the clock of the batch at hand, a sleep ends at once, and random numbers are the same in every
// instance.
package tidegate

// Filter makes the function a filter: it decides which events go on. To be called from init.
func Filter(filter func(Event) Verdict, options ...Option) {
	register(options, noConfig)
	exportFilter(filter)
}

// FilterWith is [Filter] for a function that has a configuration: any type that encoding/json decodes.
func FilterWith[C any](filter func(Event, *C) Verdict, options ...Option) {
	config := registerWith[C](options)
	exportFilter(func(e Event) Verdict { return filter(e, config) })
}

// Transform makes the function a transform: it rewrites and splits events. To be called from init.
//
// It returns what becomes of the event: a [Draft], several of them as [Drafts], or a [Verdict], where Keep lets the event go on
// as it is; nil drops it.
func Transform(transform func(Event) Output, options ...Option) {
	register(options, noConfig)
	exportTransform(transform)
}

// TransformWith is [Transform] for a function that has a configuration.
func TransformWith[C any](transform func(Event, *C) Output, options ...Option) {
	config := registerWith[C](options)
	exportTransform(func(e Event) Output { return transform(e, config) })
}

// Matcher makes the function a matcher: it says where events belong, by names that routes map to sinks and topics. To be
// called from init.
func Matcher(matcher func(Event, *Names) Verdict, options ...Option) {
	register(options, noConfig)
	exportMatcher(matcher)
}

// MatcherWith is [Matcher] for a function that has a configuration.
func MatcherWith[C any](matcher func(Event, *C, *Names) Verdict, options ...Option) {
	config := registerWith[C](options)
	exportMatcher(func(e Event, names *Names) Verdict { return matcher(e, config, names) })
}

func exportFilter(filter func(Event) Verdict) {
	markFilter()
	module.evaluate = func() error { return evaluate(&current, &answered, filter) }
}

func exportTransform(transform func(Event) Output) {
	markTransform()
	module.apply = func() error { return apply(&current, &answered, &written, transform) }
}

func exportMatcher(matcher func(Event, *Names) Verdict) {
	markMatcher()
	module.assign = func() error { return assign(&current, &answered, &named, matcher) }
}
