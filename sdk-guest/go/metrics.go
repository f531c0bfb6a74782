package tidegate

// Counter is a counter of the module, which the host shows with its metrics. It is a capability: a component that has one asks
// for `metrics`, which the policy must grant. Declare it as a variable of the package: it is registered when it is first used.
type Counter struct {
	name   string
	handle uint32
	known  bool
}

// NewCounter is the counter of this name, [a-z][a-z0-9_]* of at most 64 bytes; a policy has at most 64. Adding to one that the
// host refuses does nothing.
func NewCounter(name string) *Counter { return &Counter{name: name} }

// Add takes effect when the call succeeds.
func (c *Counter) Add(amount uint64) {
	if !c.known {
		c.handle, c.known = metricsCounter(c.name), true
	}
	metricsAdd(c.handle, amount)
}
