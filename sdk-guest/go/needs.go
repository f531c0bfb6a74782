package tidegate

import "strings"

// Part is a part of an event that a module may need.
type Part uint8

const (
	// Attributes are id, source, type, subject, time, datacontenttype and dataschema.
	Attributes Part = 1 << iota
	// Extensions are all other attributes.
	Extensions
	// Data is the payload.
	Data
	// Context is what the transport knows: key, topic, headers.
	Context
)

type needs uint32

const (
	needAttributes = needs(Attributes)
	needExtensions = needs(Extensions)
	needData       = needs(Data)
	needContext    = needs(Context)
)

func (n needs) String() string {
	var names []string
	for bit, name := range []string{"attributes", "extensions", "data", "context"} {
		if n&(1<<bit) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, " and ")
}
